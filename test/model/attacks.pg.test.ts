import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'
import { MUTATIONS, type Mutation } from './mutations.ts'
import { createHighBefore, OPENS_CHUNK, rewriteSql, SQL_MUTATIONS, type Rewrite } from './rewrite-sql.ts'
import { createDoor, openStage, type Stage } from './stage.ts'

/**
 * Each point of docs/specs/snapshots.md, attacked: the product withstands, and the product without that point does not.
 * An attack returns what went wrong, nothing where the sink ended right and never stepped back.
 */
type Attack = (server: PostgresServer, mutation: Mutation, rewrite: Rewrite | null) => Promise<readonly string[]>

const restore: (() => void)[] = []
const rewriting = (rewrite: Rewrite | null) => {
  if (rewrite) restore.push(rewriteSql(rewrite))
}
afterEach(() => {
  for (const undo of restore.splice(0)) undo()
})

const ONE_ROW = 'CREATE TABLE t(id int PRIMARY KEY, inc bigint, v int); INSERT INTO t VALUES (1, 1, 1)'
/** Two rows a block, room in block 0 alone, and values that stay out of the log when they do not change. */
const WIDE = `CREATE TABLE t(id int PRIMARY KEY, inc bigint, v int, w text, pad text);
  ALTER TABLE t ALTER w SET STORAGE EXTERNAL, ALTER pad SET STORAGE PLAIN;
  INSERT INTO t SELECT g, g, 0, repeat(md5(g::text), 100), repeat('p', 3500) FROM generate_series(1, 100) g; DELETE FROM t WHERE id < 3`
const LONG = `CREATE TABLE t(id int PRIMARY KEY, inc bigint, v int, pad text);
  INSERT INTO t SELECT g, g, 0, repeat('p', 500) FROM generate_series(1, 60) g`

/** What the sink has wrong at the end, and what it saw on the way. */
async function verdict(stage: Stage): Promise<readonly string[]> {
  const expected = (await stage.sql('SELECT * FROM t ORDER BY id')).map((row) => Object.values(row).map(String).join('|'))
  const held = [...stage.sink.rows('t').values()].map((row) => row.map(String).join('|'))
  const [here, there] = [new Set(held), new Set(expected)]
  const missing = expected.filter((text) => !here.has(text)).map((text) => `missing ${text.slice(0, 40)}`)
  const extra = held.filter((text) => !there.has(text)).map((text) => `not in the source ${text.slice(0, 40)}`)
  return [...stage.violations, ...missing, ...extra]
}

const valueOf = (stage: Stage, id: number) => [...stage.sink.rows('t').values()].find((row) => row[0] === id)?.[2]

/** A transaction is delivered, and invisible to the chunk that is read after it. */
const deliveredBeforeVisible: Attack = async (server, mutation) => {
  const plan = createDoor()
  let looks = 0
  const counting: Mutation = { ...mutation, source: (source) => countLooks(mutation.source?.(source) ?? source, () => looks++) }
  await using watched = await openStage(server, ONE_ROW, counting)
  const run = await watched.start({ beforePlan: () => plan.passed })
  const limbo = await watched.limbo('UPDATE t SET v = 2')
  // A later transaction is visible, so that the invisible one lies below xmax.
  await watched.sql('CREATE TABLE later(inc bigint, v int); INSERT INTO later VALUES (1, 1)')
  await until(() => watched.sink.rows('t').size === 1)
  const seen = looks
  await until(() => looks > seen, 10_000, 'a look at what is visible')
  plan.open()
  await until(() => !run.snapshots.isCopying())
  await limbo.release()
  await run.finish()
  return await verdict(watched)
}

function countLooks(source: Parameters<NonNullable<Mutation['source']>>[0], looked: () => void) {
  const visibility = async () => {
    const fresh = await source.snapshots.visibility()
    setImmediate(looked)
    return fresh
  }
  return { ...source, snapshots: { ...source.snapshots, visibility } }
}

/** A transaction commits while the slot is being made: before its first position, and visible only later. */
const committedBeforeTheSlot: Attack = async (server, mutation) => {
  await using stage = await openStage(server, ONE_ROW, mutation)
  const blocking = async () => {
    const session = await server.connect()
    await session.query('BEGIN')
    await session.query('SELECT pg_current_xact_id()')
    return session
  }
  const waits = () =>
    until(async () => (await stage.sql(`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`)).length > 0)
  const first = await blocking()
  const starting = stage.start()
  starting.catch(() => undefined)
  await waits()
  const second = await blocking()
  await first.query('COMMIT')
  // The slot's making waits for the second now: what commits meanwhile lies before its first position.
  await until(async () => {
    const rows = await stage.sql(`SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.transactionid = w.transactionid AND h.granted
      WHERE NOT w.granted AND w.locktype = 'transactionid' AND h.pid = ${(second as unknown as { processID: number }).processID}`)
    return rows.length > 0
  })
  const limbo = await stage.limbo('UPDATE t SET v = 2')
  await second.query('COMMIT')
  await Promise.all([first.end(), second.end()])
  const run = await starting
  await until(() => !run.snapshots.isCopying() || stage.progress.some(({ event }) => event === 'waiting'))
  await limbo.release()
  await run.finish()
  return await verdict(stage)
}

/** A transaction has changed a table before the table joined the publication, and commits after. */
const changedBeforeJoining: Attack = async (server, mutation) => {
  await using stage = await openStage(server, 'CREATE TABLE other(id int PRIMARY KEY, inc bigint, v int)', mutation)
  const run = await stage.start()
  await stage.sql(ONE_ROW)
  const database = String((await stage.sql('SELECT current_database() AS name'))[0]?.name)
  const writer = await server.connect(database)
  await writer.query('BEGIN; UPDATE t SET v = 2')
  const { joined } = await run.source.discover(await known(run.source, 'other'))
  await run.snapshots.add(joined)
  await until(() => !run.snapshots.isCopying() || stage.progress.some(({ event }) => event === 'waiting'))
  await writer.query('COMMIT')
  await writer.end()
  await run.finish()
  return await verdict(stage)
}

const known = async (source: { tables(): Promise<readonly { name: string }[]> }, name: string) =>
  (await source.tables()).filter((table) => table.name === name) as never

/** A transaction is delivered and made durable, the process ends, and the next one reads a chunk that does not see it. */
const restartedBeforeVisible: Attack = async (server, mutation) => {
  await using stage = await openStage(server, LONG, mutation)
  const never = createDoor()
  const first = await stage.start({ beforeRead: (index) => (index === 0 ? Promise.resolve() : never.passed) })
  await until(() => stage.sink.rows('t').size > 0)
  const id = (await stage.sql('SELECT max(id) AS id FROM t'))[0]?.id as number
  const limbo = await stage.limbo(`UPDATE t SET v = 1 WHERE id = ${id}`)
  await until(() => valueOf(stage, id) === 1)
  stage.sink.checkpoint()
  never.open()
  await first.kill()
  stage.sink.crash()
  const second = await stage.start()
  await until(() => !second.snapshots.isCopying() || stage.progress.some(({ event }) => event === 'waiting'))
  await limbo.release()
  await second.finish()
  return await verdict(stage)
}

/** A row moves into a block already read; its unchanged value is read again, while it changes once more. */
const movedAndChangedAgain: Attack = async (server, mutation) => {
  await using stage = await openStage(server, WIDE, mutation)
  await stage.sql('VACUUM t')
  const gate = createDoor()
  let blocks = -1
  const reads = await stage.start({
    beforeRead: (index) => (index === 0 ? Promise.resolve() : gate.passed),
    async afterRead() {
      if (blocks < 0 || stage.progress.filter(({ event }) => event === 'chunk').length < blocks) return
      // The keys were read: before anybody gets them the row changes again, with the same hole, once.
      blocks = -1
      await stage.sql('UPDATE t SET v = v + 1 WHERE id = 90')
      await until(() => valueOf(stage, 90) === 4)
    },
  })
  void reads
  await until(() => stage.progress.some(({ event }) => event === 'planned'))
  const planned = stage.progress.find((each) => each.event === 'planned')
  await until(() => stage.progress.some(({ event }) => event === 'chunk'))
  for (let times = 0; times < 3; times++) await stage.sql('UPDATE t SET v = v + 1 WHERE id = 90')
  await until(() => valueOf(stage, 90) === 3)
  blocks = planned?.event === 'planned' ? planned.chunks : 0
  gate.open()
  await reads.finish()
  return await verdict(stage)
}

/** A chunk shows a row at its old key; before it goes out the key changes. */
const keyMovedAway: Attack = async (server, mutation) => {
  await using stage = await openStage(server, ONE_ROW, mutation)
  const run = await stage.start({
    async afterRead() {
      await stage.sql('UPDATE t SET id = 5, v = 2 WHERE id = 1')
      await until(() => valueOf(stage, 5) === 2)
    },
  })
  await run.finish()
  return await verdict(stage)
}

/** The table is written anew between two of its chunks: rows move into blocks already read, and the log says nothing. */
const rewrittenBetweenChunks: Attack = async (server, mutation, rewrite) => {
  rewriting(rewrite)
  await using stage = await openStage(server, LONG, mutation)
  const gate = createDoor()
  const run = await stage.start({ beforeRead: (index) => (index === 1 ? gate.passed : Promise.resolve()) })
  await until(() => stage.progress.filter(({ event }) => event === 'chunk').length > 0)
  await stage.sql('DELETE FROM t WHERE id <= 15')
  await stage.sql('VACUUM FULL t')
  gate.open()
  await run.finish()
  return await verdict(stage)
}

/** The table is rewritten between a chunk's snapshot and its rows: what was written anew is invisible to it. */
const rewrittenBeforeCopy: Attack = async (server, mutation, rewrite) => {
  await using stage = await openStage(server, ONE_ROW, mutation)
  const [lock] = await stage.sql('SELECT pg_advisory_lock(7)')
  void lock
  rewriting(async (text, ask) => {
    const changed = rewrite ? await rewrite(text, ask) : text
    return OPENS_CHUNK.test(text) ? `${changed}; SELECT pg_advisory_xact_lock_shared(7)::text` : changed
  })
  const run = await stage.start()
  const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
  await until(async () => (await stage.sql(`${waiting} AND locktype = 'advisory'`)).length > 0)
  const database = String((await stage.sql('SELECT current_database() AS name'))[0]?.name)
  const altering = server.query('ALTER TABLE t ADD z float8 DEFAULT random()', [], database)
  let isAltered = false
  void altering.then(() => (isAltered = true))
  await until(async () => isAltered || (await stage.sql(`${waiting} AND locktype = 'relation'`)).length > 0)
  await stage.sql('SELECT pg_advisory_unlock(7)')
  await altering
  await run.finish()
  const columns = stage.sink.rows('t').get('1')?.length ?? 0
  return columns === 0 ? ['the row is missing'] : stage.violations
}

/** Commits that a chunk sees are not yet on disk, so the stream has not said them. */
const visibleBeforeFlushed: Attack = async (server, mutation, rewrite) => {
  rewriting(rewrite)
  await using stage = await openStage(server, ONE_ROW, mutation)
  await using _ = await withoutWalWriter(server)
  const run = await stage.start({
    async beforeRead() {
      await stage.sql('SET synchronous_commit = off')
      for (let times = 0; times < 3; times++) await stage.sql('UPDATE t SET v = v + 1')
      await stage.sql('SET synchronous_commit = local')
    },
  })
  await run.finish()
  return await verdict(stage)
}

/** Nobody flushes the log but those who commit. */
async function withoutWalWriter(server: PostgresServer): Promise<AsyncDisposable> {
  const set = async (delay: string, after: string) => {
    await server.query(`ALTER SYSTEM SET wal_writer_delay = '${delay}'`)
    await server.query(`ALTER SYSTEM SET wal_writer_flush_after = '${after}'`)
    await server.query('SELECT pg_reload_conf()')
  }
  await set('10s', '1GB')
  await until(async () => (await server.query('SHOW wal_writer_delay')).rows[0]?.wal_writer_delay === '10s')
  return { [Symbol.asyncDispose]: () => set('200ms', '1MB') }
}

/** Commits that a chunk sees have not been read from the stream yet. */
const visibleBeforeRead: Attack = async (server, mutation, rewrite) => {
  const stream = createDoor()
  let isHeld = false
  await using stage = await openStage(server, ONE_ROW, mutation)
  const run = await stage.start({
    beforeBatch: () => (isHeld ? stream.passed : Promise.resolve()),
    afterRead: async () => setTimeout(stream.open, 100),
  })
  restore.push(
    rewriteSql(async (text) => {
      if (!OPENS_CHUNK.test(text) || isHeld) return text
      isHeld = true
      for (let times = 0; times < 3; times++) await stage.sql('UPDATE t SET v = v + 1')
      return text
    }),
  )
  // Around the one above: it sees the statement first.
  rewriting(rewrite)
  await run.finish()
  return await verdict(stage)
}

const ATTACKS: [string, Attack, Record<string, Mutation | Rewrite | (() => Rewrite)>][] = [
  [
    'delivered before it is visible',
    deliveredBeforeVisible,
    {
      'never drop': MUTATIONS['never drop'],
      'watermarks instead': MUTATIONS['watermarks instead'],
      'xmax only': SQL_MUTATIONS['xmax only'],
      'remember only while a chunk is active': MUTATIONS['remember only while a chunk is active'],
      'prune by active chunks only': MUTATIONS['prune by active chunks only'],
    },
  ],
  ['committed before the slot', committedBeforeTheSlot, { 'no wait after the slot': MUTATIONS['no wait after the slot'] }],
  ['changed before joining', changedBeforeJoining, { 'no wait after joining': MUTATIONS['no wait after joining'] }],
  ['restarted before it is visible', restartedBeforeVisible, { 'xids not carried': MUTATIONS['xids not carried over a restart'] }],
  ['moved and changed again', movedAndChangedAgain, { 'one re-read pass': MUTATIONS['one re-read pass'] }],
  ['key moved away', keyMovedAway, { 'old key ignored': MUTATIONS['old key ignored'] }],
  ['rewritten between chunks', rewrittenBetweenChunks, { 'no file number': SQL_MUTATIONS['no file number'] }],
  ['rewritten before the copy', rewrittenBeforeCopy, { 'no lock': SQL_MUTATIONS['no lock'] }],
  ['visible before it is flushed', visibleBeforeFlushed, { 'high by flush position': SQL_MUTATIONS['high by flush position'] }],
  ['visible before it is read', visibleBeforeRead, { 'high before the snapshot': createHighBefore }],
]

describe.each(testedMajors())('attacks on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major, {
      synchronous_standby_names: "'nobody'",
      synchronous_commit: 'local',
    })
  })
  afterAll(() => server.stop())

  describe.each(ATTACKS)('%s', (_, attack, mutations) => {
    test('the product withstands', async () => {
      expect(await attack(server, {}, null)).toEqual([])
    })
    test.each(Object.entries(mutations))('and does not: %s', async (_name, without) => {
      const isRewrite = typeof without === 'function'
      const rewrite = !isRewrite ? null : without === createHighBefore ? createHighBefore() : (without as Rewrite)
      if (attack === deliveredBeforeVisible) rewriting(rewrite)
      expect(await attack(server, isRewrite ? {} : (without as Mutation), rewrite)).not.toEqual([])
    })
  })
})
