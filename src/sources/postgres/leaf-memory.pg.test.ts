import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { postgresConfig } from './config.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openPostgres } from './source.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const TABLE = `CREATE TABLE part (id int NOT NULL, y int NOT NULL, PRIMARY KEY (id, y)) PARTITION BY RANGE (y);
  CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (2); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (2) TO (3);
  INSERT INTO part VALUES (1, 1), (2, 2)`
const LIKE = 'CREATE TABLE part_3 (LIKE part INCLUDING ALL)'
const ATTACH = 'ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES FROM (3) TO (4)'
const MADE = 'CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (3) TO (4)'
const SUBTREE = 'CREATE TABLE part_3 (LIKE part) PARTITION BY RANGE (id); CREATE TABLE part_3_1 PARTITION OF part_3 DEFAULT'

/** What is done, each statement by itself; and whether the log is silent about rows that came or went by it. */
const CASES: Record<string, { does: readonly string[]; reread: boolean }> = {
  'a partition that is detached': { does: ['ALTER TABLE part DETACH PARTITION part_2'], reread: true },
  'a partition that is dropped': { does: ['DROP TABLE part_2'], reread: true },
  'a partition that is truncated': { does: ['TRUNCATE part_2'], reread: true },
  'a partition that is truncated and filled again': { does: ['TRUNCATE part_2', 'INSERT INTO part VALUES (3, 2)'], reread: true },
  'a table with rows that is attached': { does: [LIKE, 'INSERT INTO part_3 VALUES (3, 3)', ATTACH], reread: true },
  'one made, filled and attached in one transaction': { does: [`${LIKE}; INSERT INTO part_3 VALUES (3, 3); ${ATTACH}`], reread: true },
  'a partitioned table with rows that is attached': {
    does: [SUBTREE, 'INSERT INTO part_3 VALUES (3, 3)', ATTACH],
    reread: true,
  },
  'a partition that was changed while it was detached': {
    does: [
      'ALTER TABLE part DETACH PARTITION part_2',
      'DELETE FROM part_2',
      'ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (2) TO (3)',
    ],
    reread: true,
  },
  'a partition that is made': { does: [MADE], reread: false },
  'a partition that is made and filled': { does: [MADE, 'INSERT INTO part VALUES (3, 3)'], reread: false },
  'one made and filled in one transaction': { does: [`${MADE}; INSERT INTO part VALUES (3, 3)`], reread: false },
  'a partition made in a partition made': {
    does: [`${MADE} PARTITION BY RANGE (id)`, 'CREATE TABLE part_3_1 PARTITION OF part_3 DEFAULT', 'INSERT INTO part VALUES (3, 3)'],
    reread: false,
  },
  'an empty table that is attached': { does: [LIKE, ATTACH], reread: false },
  'a partition in new files': { does: ['VACUUM FULL part_2'], reread: false },
  'partitions that are renamed': { does: ['ALTER TABLE part_1 RENAME TO zzz', 'INSERT INTO part VALUES (4, 1)'], reread: false },
}

describe.each(testedMajors())('partitions on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(() => server.stop())

  async function start() {
    const database = await server.createDatabase()
    const sql = (text: string) => server.query(text, [], database)
    await sql(TABLE)
    const state = memoryState()
    const open = async () => {
      const config = postgresConfig.parse({ url: server.url(database) })
      const source = await openPostgres(config, { pipeline: database, batchBytes: 1e6, keyNeededBy: null, state, log: silent })
      const from = (await source.inspect()).reader?.confirmed ?? (await source.begin()).position
      await source.tables()
      return { source, from }
    }
    return { open, sql }
  }
  type Source = Awaited<ReturnType<typeof openPostgres>>

  /** Tables told to be read again, up to the present. */
  function follow(source: Source, from: string) {
    const abort = new AbortController()
    const again: string[] = []
    let end = from
    const finished = (async () => {
      for await (const item of source.read(from, abort.signal)) {
        if (item.kind === 'control' && item.reread) again.push(item.table.name)
        end = item.end
      }
    })().catch((error: unknown) => error)
    /** Looks at the catalogue as the core does every few seconds, until what is wanted was told and the log has been read. */
    const look = async (wanted: readonly string[]) => {
      await source.discover(await source.tables())
      const head = await source.head()
      await until(async () => {
        source.nudge(head, 1000)
        if (end >= head && again.length >= wanted.length) return true
        await source.discover(await source.tables())
        return false
      })
    }
    return {
      again,
      look,
      end: () => end,
      stop: async () => {
        abort.abort()
        await finished
      },
    }
  }

  for (const [name, { does, reread }] of Object.entries(CASES)) {
    const wanted = reread ? ['part'] : []

    test(`${name}: the root is ${reread ? 'read again, once' : 'not read again'}`, async () => {
      const { open, sql } = await start()
      const { source, from } = await open()
      const reading = follow(source, from)
      await sql('INSERT INTO part VALUES (10, 1)')
      await reading.look([])
      for (const statement of does) await sql(statement)
      // What is settled stays so, whatever messages the log has about the table.
      for (const id of [20, 21, 22]) {
        await reading.look(wanted)
        expect(reading.again).toEqual(wanted)
        await sql(`INSERT INTO part VALUES (${id}, 1)`)
      }
      await reading.stop()
      await source[Symbol.asyncDispose]()
    })

    test(`${name}, while nobody reads: the root is ${reread ? 'read again until that is acknowledged' : 'not read again'}`, async () => {
      const { open, sql } = await start()
      const first = await open()
      await first.source[Symbol.asyncDispose]()
      for (const statement of does) await sql(statement)
      const told = async (isAcknowledged: boolean) => {
        const { source } = await open()
        const reading = follow(source, first.from)
        await reading.look(wanted)
        if (isAcknowledged) source.acknowledge(reading.end())
        await reading.stop()
        await source[Symbol.asyncDispose]()
        return reading.again
      }
      expect(await told(false)).toEqual(wanted)
      expect(await told(true)).toEqual(wanted)
    })
  }
})
