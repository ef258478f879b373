import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ChangesBatch } from '../../contracts/batch.ts'
import type { Change } from '../../contracts/change.ts'
import type { Source, SourceControl } from '../../contracts/source.ts'
import { UNCHANGED } from '../../contracts/table.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { postgresConfig } from './config.ts'
import { openSession } from './session.ts'
import { openPostgres } from './source.ts'
import { createStream, type StreamOptions } from './stream.ts'

type Item = ChangesBatch | SourceControl

describe.each(testedMajors())('the log of Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major, { wal_sender_timeout: '2s', autovacuum: 'off' })
  })
  afterAll(() => server.stop())

  /** A database with these tables, its source, and a slot made after them. */
  async function prepare(ddl: string, options: { batchBytes?: number } = {}) {
    const database = await server.createDatabase('stream')
    const db = await server.connect(database)
    await db.query(ddl)
    const facts = new Map<string, unknown>()
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const source = await openPostgres(postgresConfig.parse({ url: server.url(database), slot: database }), {
      pipeline: 'test',
      batchBytes: options.batchBytes ?? 8_000_000,
      keyNeededBy: null,
      log,
      state: {
        get: async (key) => facts.get(key),
        set: async (entries) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
        delete: async (key) => void facts.delete(key),
      },
    })
    onTestFinished(async () => {
      await source[Symbol.asyncDispose]()
      await db.end()
      await until(
        async () =>
          (
            await server.query(
              `SELECT FROM pg_stat_replication WHERE pid IN (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${database}')`,
            )
          ).rowCount === 0,
      )
      await server.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${database}'`)
    })
    await source.inspect()
    const { position } = await source.begin()
    return { source, db, from: position, database }
  }

  /** Reads until `enough`, then leaves. */
  async function readUntil(source: Source, from: string, enough: (items: readonly Item[]) => boolean): Promise<Item[]> {
    const abort = new AbortController()
    const items: Item[] = []
    for await (const item of source.read(from, abort.signal)) {
      items.push(item)
      if (enough(items)) abort.abort()
    }
    return items
  }

  const changesOf = (items: readonly Item[]): Change[] => items.flatMap((item) => (item.kind === 'changes' ? item.changes : []))
  const count = (wanted: number) => (items: readonly Item[]) => changesOf(items).length >= wanted
  const brief = (change: Change) =>
    change.op === 'truncate' || change.op === 'message'
      ? [change.op]
      : [
          change.op,
          change.table.name,
          ...[change.before, change.oldKey, change.after].map((row) => row?.map((value) => (value === UNCHANGED ? '~' : value)) ?? null),
        ]

  test('brings every kind of change, in order, with ordinals and one transaction object', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY, v text)')
    await db.query(`BEGIN; INSERT INTO t VALUES (1, 'a'), (2, NULL); UPDATE t SET v = 'b' WHERE id = 1; DELETE FROM t WHERE id = 2; COMMIT`)
    const items = await readUntil(source, from, count(4))
    const changes = changesOf(items)
    expect(changes.map(brief)).toEqual([
      ['insert', 't', null, null, [1, 'a']],
      ['insert', 't', null, null, [2, null]],
      ['update', 't', null, null, [1, 'b']],
      ['delete', 't', [2, '~'], null, null],
    ])
    expect(changes.map((change) => change.ordinal)).toEqual([0, 1, 2, 3])
    expect(new Set(changes.map((change) => change.tx)).size).toBe(1)
    const first = items[0]
    expect(first).toMatchObject({ kind: 'control', event: 'schema', table: { name: 't', key: [0] } })
    const last = items.at(-1)
    expect(last).toMatchObject({ kind: 'changes', betweenTransactions: true })
    expect(last!.end > (changes[0]!.tx?.position ?? '')).toBe(true)
  })

  test('tables know their database, the order of their key and what domains are made of; changes lie in the log where the server says', async () => {
    const { source, db, from } = await prepare(`CREATE DOMAIN moment AS timestamp(3); CREATE DOMAIN later AS moment;
      CREATE TABLE t (v later, a int, b int, PRIMARY KEY (b, a))`)
    await db.query(`INSERT INTO t VALUES (now(), 1, 2)`)
    await db.query(`INSERT INTO t VALUES (now(), 2, 2)`)
    const changes = changesOf(await readUntil(source, from, count(2)))
    const { rows } = await db.query<{ name: string; head: string }>(
      `SELECT current_database() AS name, (pg_current_wal_lsn() - '0/0')::text AS head`,
    )
    expect(changes[0]?.table?.columns[0]).toMatchObject({ type: { kind: 'timestamp' }, typeModifier: -1, baseModifier: 3 })
    for (const { table } of changes) expect(table).toMatchObject({ database: rows[0]?.name, key: [1, 2], keyOrder: [3, 2] })
    const places = changes.flatMap(({ lsn, tx }) => [tx?.log?.first, lsn, tx?.log?.end])
    expect(places.every((place, at) => place !== undefined && place !== null && (at === 0 || place >= places[at - 1]!))).toBe(true) // all are there
    expect(places.at(-1)).toBeLessThanOrEqual(Number(rows[0]?.head))
    expect(changes[1]?.tx?.log?.previous).toBe(changes[0]?.tx?.log?.end)
  })

  test('tells where a replicated transaction was committed first', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    await db.query(`SELECT pg_replication_origin_create('elsewhere'), pg_replication_origin_session_setup('elsewhere')`)
    await db.query(`BEGIN; SELECT pg_replication_origin_xact_setup('0/ABCD', '2026-01-01'); INSERT INTO t VALUES (1); COMMIT`)
    await db.query(`SELECT pg_replication_origin_session_reset(); INSERT INTO t VALUES (2)`)
    const changes = changesOf(await readUntil(source, from, count(2)))
    expect(changes.map(({ tx }) => tx?.log?.origin)).toEqual([{ name: 'elsewhere', lsn: 0xabcd }, undefined])
    await db.query(`SELECT pg_replication_origin_drop('elsewhere')`)
  })

  test('tells old keys by REPLICA IDENTITY: default, index, full and a changed key', async () => {
    const { source, db, from } = await prepare(`
      CREATE TABLE d (id int PRIMARY KEY, v text);
      CREATE TABLE i (id int, code text NOT NULL UNIQUE, v text); ALTER TABLE i REPLICA IDENTITY USING INDEX i_code_key;
      CREATE TABLE f (id int PRIMARY KEY, v text); ALTER TABLE f REPLICA IDENTITY FULL`)
    await db.query(`INSERT INTO d VALUES (1, 'a'); UPDATE d SET id = 2; DELETE FROM d`)
    await db.query(`INSERT INTO i VALUES (1, 'x', 'a'); UPDATE i SET v = 'b'; UPDATE i SET code = 'y'; DELETE FROM i`)
    await db.query(`INSERT INTO f VALUES (1, 'a'); UPDATE f SET v = 'b'; UPDATE f SET id = 2; DELETE FROM f`)
    expect(changesOf(await readUntil(source, from, count(11))).map(brief)).toEqual([
      ['insert', 'd', null, null, [1, 'a']],
      ['update', 'd', [1, '~'], [1, '~'], [2, 'a']],
      ['delete', 'd', [2, '~'], null, null],
      ['insert', 'i', null, null, [1, 'x', 'a']],
      ['update', 'i', null, null, [1, 'x', 'b']],
      ['update', 'i', ['~', 'x', '~'], ['~', 'x', '~'], [1, 'y', 'b']],
      ['delete', 'i', ['~', 'y', '~'], null, null],
      ['insert', 'f', null, null, [1, 'a']],
      ['update', 'f', [1, 'a'], null, [1, 'b']],
      ['update', 'f', [1, 'b'], [1, '~'], [2, 'b']],
      ['delete', 'f', [2, 'b'], null, null],
    ])
  })

  test('marks values stored outside the row and left alone as unchanged, but takes them from an old row and an old key', async () => {
    const { source, db, from } = await prepare(`
      CREATE TABLE d (id int PRIMARY KEY, v int, big text); ALTER TABLE d ALTER big SET STORAGE EXTERNAL;
      CREATE TABLE f (id int PRIMARY KEY, v int, big text); ALTER TABLE f ALTER big SET STORAGE EXTERNAL; ALTER TABLE f REPLICA IDENTITY FULL;
      CREATE TABLE k (big text PRIMARY KEY, v int); ALTER TABLE k ALTER big SET STORAGE EXTERNAL`)
    const big = 'x'.repeat(2500)
    for (const table of ['d', 'f']) await db.query(`INSERT INTO ${table} VALUES (1, 1, '${big}'); UPDATE ${table} SET v = 2`)
    await db.query(`INSERT INTO k VALUES ('${big}', 1); UPDATE k SET v = 2`)
    const changes = changesOf(await readUntil(source, from, count(6)))
    expect(changes.filter((change) => change.op === 'update').map(brief)).toEqual([
      ['update', 'd', null, null, [1, 2, '~']],
      ['update', 'f', [1, 1, big], null, [1, 2, big]],
      ['update', 'k', [big, '~'], null, [big, 2]],
    ])
  })

  test('gives one truncate a table, each with an ordinal, also by CASCADE', async () => {
    const { source, db, from } = await prepare(`
      CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a); CREATE TABLE c (id int PRIMARY KEY)`)
    await db.query('BEGIN; INSERT INTO c VALUES (1); TRUNCATE a, c RESTART IDENTITY CASCADE; INSERT INTO c VALUES (2); COMMIT')
    const changes = changesOf(await readUntil(source, from, count(5)))
    const truncates = changes.filter((change) => change.op === 'truncate')
    expect(truncates.map((change) => change.table.name).sort()).toEqual(['a', 'b', 'c'])
    expect(truncates.every((change) => change.cascade && change.restartIdentity)).toBe(true)
    expect(changes.map((change) => change.ordinal)).toEqual([0, 1, 2, 3, 4])
  })

  test('brings logical messages, in and out of transactions, but not our own', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    await db.query(
      `BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'p', 'in'); SELECT pg_logical_emit_message(true, 'millrace', ''); INSERT INTO t VALUES (2); COMMIT`,
    )
    await db.query(
      `SELECT pg_logical_emit_message(false, 'millrace', ''); SELECT pg_logical_emit_message(false, 'p', 'out'); INSERT INTO t VALUES (3)`,
    )
    const changes = changesOf(await readUntil(source, from, count(5)))
    expect(changes.map((change) => [change.op, change.ordinal])).toEqual([
      ['insert', 0],
      ['message', 1],
      ['insert', 3],
      ['message', 0],
      ['insert', 0],
    ])
    const [, inside, , outside] = changes
    expect(inside).toMatchObject({ transactional: true, prefix: 'p', tx: { position: inside?.op === 'message' ? inside.position : '' } })
    expect(outside).toMatchObject({ transactional: false, tx: null, content: new Uint8Array(Buffer.from('out')) })
    const places = changes.map((change) => `${change.op === 'message' ? change.position : change.tx?.position}:${change.ordinal}`)
    expect(places).toEqual([...places].sort())
    expect(new Set(places).size).toBe(5)
  })

  test('splits a large transaction, and resumes inside it without a change lost or doubled', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY, v text)', { batchBytes: 20_000 })
    await db.query(`INSERT INTO t SELECT g, 'value ' || g FROM generate_series(1, 5000) g`)
    await db.query('TRUNCATE t')
    let at = from
    const seen: (readonly [string, number])[] = []
    for (let round = 0; seen.length < 5001; round++) {
      let taken = 0
      const items = await readUntil(source, at, (all) => changesOf(all).length > 0 && ++taken >= 1 + (round % 3))
      for (const change of changesOf(items)) seen.push([change.op === 'insert' ? String(change.after[0]) : change.op, change.ordinal])
      at = items.at(-1)?.end ?? at
      if (round === 0) expect(at).toMatch(/^[0-9A-F]{16}:[0-9A-F]{12}$/)
    }
    expect(seen).toEqual([...Array.from({ length: 5000 }, (_, index) => [String(index + 1), index]), ['truncate', 0]])
  })

  test('gives every position of a transaction as one to resume from', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)', {
      batchBytes: 1,
    })
    await db.query(
      `BEGIN; INSERT INTO t VALUES (1); TRUNCATE t, u; SELECT pg_logical_emit_message(true, 'p', ''); INSERT INTO u VALUES (1); COMMIT`,
    )
    const all = await readUntil(source, from, count(5))
    const whole = changesOf(all).map((change) => [change.op, change.ordinal])
    let passed = 0
    for (const batch of all.filter((item) => item.kind === 'changes')) {
      passed += batch.changes.length
      await db.query(`INSERT INTO t VALUES (${100 + passed})`)
      const rest = changesOf(await readUntil(source, batch.end, count(5 - passed + 1))).map((change) => [change.op, change.ordinal])
      expect(rest.slice(0, 5 - passed)).toEqual(whole.slice(passed))
    }
    expect(passed).toBe(5)
  })

  test('throws a transient error when the walsender is ended, and reads on from where it was', async () => {
    const { source, db, from, database } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    const abort = new AbortController()
    let at = from
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const item of source.read(from, abort.signal)) {
        at = item.end
        for (const change of changesOf([item])) if (change.op === 'insert') seen.push(change.after[0])
      }
    })()
    const failure = expect(reading).rejects.toMatchObject({ code: 'SOURCE_LOST', kind: 'transient' })
    await db.query('INSERT INTO t VALUES (1)')
    await until(() => seen.length === 1)
    await server.query(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${database}'`)
    await failure
    await db.query('INSERT INTO t VALUES (2)')
    const rest = changesOf(await readUntil(source, at, count(1)))
    expect(rest.map(brief)).toEqual([['insert', 't', null, null, [2]]])
  })

  test('gives up a server that says nothing any more, with a transient error', async () => {
    const { from, database } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    let walsender = 0
    const slot = { url: server.url(database), slot: database, publications: ['millrace_test'], acknowledged: null, slotWaitMs: 0 }
    const open: StreamOptions['open'] = async (start, events, signal) => {
      const remember = async (connection: object) => void (walsender = (connection as { processID: number }).processID)
      const session = await openSession({ ...slot, from: start, remember }, events, signal)
      process.kill(walsender, 'SIGSTOP')
      return session
    }
    const stream = createStream(from, { batchBytes: 1000, silenceMs: 500, open, describe: async () => null }, new AbortController().signal)
    const reading = (async () => {
      for await (const _ of stream);
    })()
    await expect(reading).rejects.toMatchObject({ code: 'SOURCE_LOST', kind: 'transient' })
    process.kill(walsender, 'SIGCONT')
  })

  test('keeps the connection while its consumer takes longer than wal_sender_timeout', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY, v text)', { batchBytes: 20_000 })
    await db.query(`INSERT INTO t SELECT g, repeat('v', 1000) FROM generate_series(1, 20000) g`)
    const abort = new AbortController()
    let seen = 0
    let hasRested = false
    for await (const item of source.read(from, abort.signal)) {
      seen += changesOf([item]).length
      // One long stop, past wal_sender_timeout (2 s), with far more waiting than any buffer holds.
      if (seen > 0 && !hasRested) await new Promise((resolve) => setTimeout(resolve, 5000))
      hasRested = seen > 0
      if (seen === 20_000) abort.abort()
    }
    expect(seen).toBe(20_000)
  })

  test('tells the server nothing but what was acknowledged', async () => {
    const { source, db, from, database } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    const confirmed = async () =>
      (await server.query(`SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = '${database}'`)).rows[0]
        ?.at as string
    const before = await confirmed()
    const abort = new AbortController()
    const ends: string[] = []
    const reading = (async () => {
      for await (const item of source.read(from, abort.signal)) if (changesOf([item]).length > 0) ends.push(item.end)
    })()
    await db.query('INSERT INTO t VALUES (1)')
    await until(() => ends.length === 1)
    await db.query('INSERT INTO t VALUES (2)')
    await until(() => ends.length === 2)
    // Status goes out every second.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(await confirmed()).toBe(before)
    const sent = (
      await server.query(
        `SELECT write_lsn, flush_lsn, replay_lsn FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${database}')`,
      )
    ).rows[0]
    expect(Object.values(sent as object).filter((lsn) => lsn !== null && lsn !== before)).toEqual([])
    const started = performance.now()
    source.acknowledge(ends[0]!)
    await until(async () => BigInt(`0x${ends[0]}`) === lsn(await confirmed()))
    expect(performance.now() - started).toBeLessThan(500)
    source.acknowledge(`${ends[1]}:000000000003`)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(lsn(await confirmed())).toBe(BigInt(`0x${ends[0]}`))
    abort.abort()
    await reading
  })

  test('tells the last acknowledgement, though the reading ends right after it and much is unread', async () => {
    const { source, db, from, database } = await prepare('CREATE TABLE t (id int PRIMARY KEY, v text)', { batchBytes: 20_000 })
    await db.query('INSERT INTO t VALUES (0)')
    await db.query(`INSERT INTO t SELECT g, repeat('v', 1000) FROM generate_series(1, 20000) g`)
    const abort = new AbortController()
    let end = ''
    for await (const item of source.read(from, abort.signal)) {
      if (changesOf([item]).length === 0) continue
      if (end === '') end = `${item.end.slice(0, 16)}`
      // The first goes out at once, the second would wait for company.
      source.acknowledge(from)
      source.acknowledge(end)
      abort.abort()
    }
    const sql = `SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = '${database}'`
    await until(async () => lsn((await server.query(sql)).rows[0]?.at as string) === BigInt(`0x${end}`), 2000)
  })

  test('says so when the slot or the publication is gone', async () => {
    const slotless = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    await server.query(`SELECT pg_drop_replication_slot('${slotless.database}')`)
    await expect(readUntil(slotless.source, slotless.from, count(1))).rejects.toMatchObject({ code: 'GAP_SLOT_MISSING' })
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    await db.query('DROP PUBLICATION millrace_test')
    await expect(readUntil(source, from, count(1))).rejects.toMatchObject({ code: 'PUBLICATION_LOST' })
    await expect(source.discover([])).rejects.toMatchObject({ code: 'PUBLICATION_LOST' })
  })

  test('passes the head of the log soon when nudged, though nothing of ours is written', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    const abort = new AbortController()
    let at = from
    const reading = (async () => {
      for await (const item of source.read(from, abort.signal)) at = item.end
    })()
    await db.query('CREATE TEMPORARY TABLE x AS SELECT 1')
    const head = await source.head()
    const started = performance.now()
    await until(() => {
      source.nudge(head, performance.now() - started)
      return at >= head
    }, 5000)
    abort.abort()
    await reading
  })

  test('ends at once when its signal aborts, whatever it waits for, and leaves no walsender', async () => {
    const { source, from, database } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    const abort = new AbortController()
    const reading = (async () => {
      for await (const _ of source.read(from, abort.signal));
    })()
    const active = async () => (await server.query(`SELECT FROM pg_replication_slots WHERE slot_name = '${database}' AND active`)).rowCount
    await until(async () => (await active()) === 1)
    const started = performance.now()
    abort.abort()
    await reading
    expect(performance.now() - started).toBeLessThan(100)
    await until(async () => (await active()) === 0, 2000)
  })

  test('lets a server go that shuts down: tells what it waits for, and acknowledges no more than that', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY)')
    const told: Item[] = []
    const reading = (async () => {
      for await (const item of source.read(from, new AbortController().signal)) {
        told.push(item)
        // Of a pipeline that holds back what is empty until somebody waits for it.
        if (item.kind === 'changes' && (item.awaited || item.changes.length > 0)) source.acknowledge(item.end)
      }
    })()
    reading.catch(() => {}) // looked at below
    await db.query('INSERT INTO t VALUES (1)')
    await until(() => changesOf(told).length === 1)
    await db.query('CREATE TEMPORARY TABLE x AS SELECT 1')
    const gone = server.halt('fast').then(() => true)
    const late = new Promise<boolean>((resolve) => void setTimeout(resolve, 30_000, false).unref())
    onTestFinished(() => server.halt('immediate').then(() => server.start()))
    expect(await Promise.race([gone, late])).toBe(true)
    await expect(reading).rejects.toMatchObject({ code: 'SOURCE_LOST', kind: 'transient' })
    expect(told.at(-1)).toMatchObject({ changes: [], awaited: true, betweenTransactions: true })
  })

  test('describes a table anew when it changes, before the first change of its new shape', async () => {
    const { source, db, from } = await prepare('CREATE TABLE t (id int PRIMARY KEY, a text)')
    await db.query(
      `INSERT INTO t VALUES (1, 'x'); ALTER TABLE t ADD COLUMN b int DEFAULT 7; ALTER TABLE t RENAME a TO c; INSERT INTO t VALUES (2, 'y', 8)`,
    )
    const items = await readUntil(source, from, count(2))
    const told = items.flatMap((item) =>
      item.kind === 'control' ? [item.table.columns.map((column) => column.name).join()] : item.changes.map((change) => change.op),
    )
    expect(told).toEqual(['id,a', 'insert', 'id,c,b', 'insert'])
    const second = items.filter((item) => item.kind === 'control')[1]
    expect(second).toMatchObject({ event: 'schema', previous: { columns: [{ name: 'id' }, { name: 'a' }] } })
    expect(second?.kind === 'control' && second.table.columns[2]).toMatchObject({ name: 'b', missing: 7 })
  })
})

function lsn(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}
