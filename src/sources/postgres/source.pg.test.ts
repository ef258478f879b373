import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import type { SourceControl } from '../../contracts/source.ts'
import { postgresConfig, type PostgresConfig } from './config.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openPostgres } from './source.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

describe.each(testedMajors())('a source on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(() => server.stop())

  const open = (database: string, more: { state?: ReturnType<typeof memoryState>; config?: Partial<PostgresConfig> } = {}) =>
    openPostgres(postgresConfig.parse({ url: server.url(database), ...more.config }), {
      pipeline: database,
      batchBytes: 1e6,
      keyNeededBy: null,
      state: more.state ?? memoryState(),
      log: silent,
    })
  const refusal = async (database: string, config: Partial<PostgresConfig> = {}) => {
    await using source = await open(database, { config })
    return await source.inspect().then(
      () => null,
      (error: unknown) => error,
    )
  }
  const start = async (sql: string) => {
    const database = await server.createDatabase()
    await server.query(sql, [], database)
    const state = memoryState()
    const source = await open(database, { state })
    const from = (await source.inspect()).reader?.confirmed ?? (await source.begin()).position
    return { database, state, source, from, sql: (text: string) => server.query(text, [], database) }
  }
  const readerOf = async (database: string) =>
    (await server.query(`SELECT active_pid AS pid FROM pg_replication_slots WHERE database = '${database}'`)).rows[0]?.pid as number | null

  /** Reads on and on; what it met, and how it ended. */
  function follow(source: Awaited<ReturnType<typeof open>>, from: string) {
    const abort = new AbortController()
    const controls: SourceControl[] = []
    let end = from
    const reading = (async () => {
      for await (const item of source.read(from, abort.signal)) {
        if (item.kind === 'control') controls.push(item)
        end = item.end
      }
    })()
    const finished = reading.then(
      () => null,
      (error: unknown) => error,
    )
    const stop = async () => {
      abort.abort()
      await finished
    }
    return { controls, finished, stop, end: () => end }
  }

  test('ends the walsender that an earlier run of the same pipeline left behind, and goes on at once', async () => {
    const { database, state, source, from } = await start('CREATE TABLE t (id int PRIMARY KEY)')
    const first = follow(source, from)
    await until(async () => (await readerOf(database)) !== null)
    const left = await readerOf(database)
    // The first process is not asked: for the second it is as dead as one killed on a machine that was cut off.
    await using second = await open(database, { state })
    const startedMs = performance.now()
    expect((await second.inspect()).reader?.confirmed).toBeDefined()
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    const after = follow(second, from)
    await until(async () => ![null, left].includes(await readerOf(database)))
    expect(await first.finished).toMatchObject({ code: 'SOURCE_LOST' })
    await after.stop()
    await source[Symbol.asyncDispose]()
  })

  test('refuses what no run can get past, before anything is made', async () => {
    const ascii = `ascii_${process.pid}_${major}`
    await server.query(`CREATE DATABASE ${ascii} ENCODING 'SQL_ASCII' TEMPLATE template0`)
    expect(await refusal(ascii)).toMatchObject({ code: 'SOURCE_ENCODING' })
    await server.query('CREATE ROLE weak LOGIN')
    const database = await server.createDatabase()
    await server.query(`CREATE TABLE t (id int PRIMARY KEY)`, [], database)
    const asWeak = { url: server.url(database).replace('postgres@', 'weak@') }
    expect(await refusal(database, asWeak)).toMatchObject({ code: 'RIGHT_REPLICATION' })
    expect((await server.query('SELECT 1 FROM pg_publication', [], database)).rowCount).toBe(0)
    await server.query('DROP ROLE weak')
  })

  test('refuses a standby', async () => {
    await using standby = await startPostgres(major)
    await standby.halt('fast')
    writeFileSync(join(standby.dataDir, 'standby.signal'), '')
    await standby.start()
    expect(await refusal('postgres', { url: standby.url() })).toMatchObject({ code: 'SOURCE_STANDBY' })
  })

  test('tells after a failover where the timeline before it ended', async () => {
    await using promoted = await startPostgres(major)
    await using source = await open('promoted', { config: { url: promoted.url() } })
    const before = await source.inspect()
    expect(before).toMatchObject({ timeline: 1, ended: [] })
    await promoted.halt('fast')
    writeFileSync(join(promoted.dataDir, 'standby.signal'), '')
    await promoted.start()
    await promoted.query('SELECT pg_promote()')
    await using again = await open('promoted', { config: { url: promoted.url() } })
    expect(await again.inspect(2)).toMatchObject({ timeline: 2, ended: [] })
    const { ended, head } = await again.inspect(1)
    expect(ended).toEqual([{ timeline: 1, at: expect.any(String) }])
    expect(ended[0]!.at >= before.head && ended[0]!.at <= head).toBe(true)
  })

  test('slots that are all in use are no reason to stop where ours is one of them', async () => {
    await using full = await startPostgres(major, { max_replication_slots: '1' })
    await full.query('CREATE TABLE t (id int PRIMARY KEY)')
    const state = memoryState()
    const config = { url: full.url() }
    await using source = await open('full', { state, config })
    await source.inspect()
    await source.begin()
    expect((await source.inspect()).reader?.ours).toBe(true)
    await using other = await open('other', { config })
    await other.inspect()
    await expect(other.begin()).rejects.toMatchObject({ code: 'SLOTS_EXHAUSTED' })
  })

  test('tells a table that was rewritten and that nobody writes', async () => {
    const { source, from, sql } = await start(
      `CREATE TABLE quiet (id int PRIMARY KEY, a int DEFAULT 1); CREATE TABLE full_vacuum (id int PRIMARY KEY);
       CREATE TABLE filled (id int PRIMARY KEY); INSERT INTO quiet VALUES (1, 1); INSERT INTO filled VALUES (1)`,
    )
    const reading = follow(source, from)
    await sql('ALTER TABLE quiet ALTER a TYPE int USING a * 2')
    await sql('ALTER TABLE filled ADD x float DEFAULT random()')
    await sql('VACUUM FULL full_vacuum')
    const known = await source.tables()
    await source.discover(known)
    await until(() => reading.controls.length >= 2)
    expect(reading.controls.map(({ table, reread }) => [table.name, reread])).toEqual([
      ['filled', true],
      ['quiet', true],
    ])
    // Told once.
    await source.discover(known)
    const head = await source.head()
    await until(() => {
      source.nudge(head, 1000)
      return reading.end() >= head
    })
    expect(reading.controls.length).toBe(2)
    await reading.stop()
    await source[Symbol.asyncDispose]()
  })

  test('a table taken out of the publication by hand leaves and joins, once', async () => {
    const { database, state, source, sql } = await start('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)')
    const known = await source.tables()
    const names = async () => {
      const found = await source.discover(known)
      return [found.left, found.joined].map((tables) => tables.map((table) => table.name))
    }
    expect(await names()).toEqual([[], []])
    await sql(`ALTER PUBLICATION millrace_${database} DROP TABLE a`)
    expect(await names()).toEqual([['a'], ['a']])
    expect(await names()).toEqual([[], []])
    // A process that ends before anything behind the telling is acknowledged has told nobody.
    await using again = await open(database, { state })
    await again.inspect()
    expect((await again.discover(await again.tables())).left.map((table) => table.name)).toEqual(['a'])
    await source[Symbol.asyncDispose]()
  })

  test('a table taken out of the publication by hand while nobody read is read again, until that is acknowledged', async () => {
    const { database, state, source, from, sql } = await start('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)')
    await source.tables()
    await source[Symbol.asyncDispose]()
    await sql(`ALTER PUBLICATION millrace_${database} DROP TABLE a`)
    const told = async (isAcknowledged: boolean) => {
      await using again = await open(database, { state })
      await again.inspect()
      const reading = follow(again, from)
      // By the first head it has told what there is to tell; the second lies behind the telling, wherever the log went meanwhile.
      for (let pass = 0; pass < 2; pass++) {
        const head = await again.head()
        await until(() => {
          again.nudge(head, 1000)
          return reading.end() >= head
        })
      }
      if (isAcknowledged) again.acknowledge(reading.end())
      await reading.stop()
      return reading.controls.map(({ table, reread }) => [table.name, reread])
    }
    expect(await told(false)).toEqual([['a', true]])
    expect(await told(true)).toEqual([['a', true]])
    expect(await told(false)).toEqual([])
  })

  test('tells at its start what was rewritten while nobody read, and once where a message tells it too', async () => {
    const { database, state, source, from, sql } = await start(
      'CREATE TABLE quiet (id int PRIMARY KEY, a int); CREATE TABLE written (id int PRIMARY KEY, a int)',
    )
    await source.tables()
    await source[Symbol.asyncDispose]()
    await sql('ALTER TABLE quiet ALTER a TYPE int USING a * 2; ALTER TABLE written ALTER a TYPE int USING a * 2')
    await sql('INSERT INTO written VALUES (1, 1)')
    await using again = await open(database, { state })
    await again.inspect()
    const reading = follow(again, from)
    await until(() => reading.controls.length >= 2)
    const head = await again.head()
    await until(() => {
      again.nudge(head, 1000)
      return reading.end() >= head
    })
    expect(reading.controls.map(({ table, reread }) => [table.name, reread])).toEqual([
      ['written', true],
      ['quiet', true],
    ])
    await reading.stop()
  })
})

test('a server that is too old is named before anything is asked of it', async () => {
  // Speaks just enough: a login, its version, and no word of what follows.
  const parameter = (name: string, value: string) => {
    const body = Buffer.from(`${name}\0${value}\0`)
    const head = Buffer.from([0x53, 0, 0, 0, body.length + 4])
    return Buffer.concat([head, body])
  }
  const old = createServer((socket) => {
    socket.once('data', () => {
      const authenticated = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])
      const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
      socket.write(Buffer.concat([authenticated, parameter('server_version', '13.22'), ready]))
    })
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
  const { port } = old.address() as { port: number }
  const config = postgresConfig.parse({ url: `postgres://u@127.0.0.1:${port}/x?sslmode=disable` })
  await using source = await openPostgres(config, {
    pipeline: 'old',
    batchBytes: 1e6,
    keyNeededBy: null,
    state: memoryState(),
    log: silent,
  })
  await expect(source.inspect()).rejects.toMatchObject({ code: 'SOURCE_TOO_OLD', fields: { version: '13.22' } })
  old.close()
})
