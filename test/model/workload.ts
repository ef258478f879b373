import type pg from 'pg'
import type { PostgresServer } from '../servers.ts'
import { createRandom, rest, type Random } from './random.ts'

/**
 * Writers that do everything a copy can trip over: inserts, updates, key moves, delete and insert of one key, rollbacks, savepoints, prepared
 * and long transactions, unchanged TOAST values, TRUNCATE, rewrites of the table, and commits that are in the log and stay invisible.
 *
 * Every row has `inc`, its own number since its insert, and `v`, which each update raises by one: so a step back shows.
 */
export type Workload = {
  /** Ends the writers and waits for them. */
  stop(): Promise<void>
  readonly transactions: number
}

export type WorkloadOptions = { seed: number; rows: number; truncates: boolean; rewrites: boolean; limbo: boolean; alters: boolean }

type Name = 't1' | 't2' | 't3' | 't4'

export async function createTables(client: pg.Client, rows: number): Promise<void> {
  await client.query(`
    CREATE SEQUENCE incs;
    CREATE TABLE t1(id int PRIMARY KEY, inc bigint, v int, a text);
    CREATE TABLE t2(k1 text, k2 text, inc bigint, v int, wide text, a text, PRIMARY KEY (k1, k2)); ALTER TABLE t2 ALTER wide SET STORAGE EXTERNAL;
    CREATE TABLE t3(id uuid PRIMARY KEY, inc bigint, v int, a text);
    CREATE TABLE t4(id int, p int, inc bigint, v int, wide text, a text, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
    ${[0, 1, 2].map((p) => `CREATE TABLE t4_${p} PARTITION OF t4 FOR VALUES IN (${p}); ALTER TABLE t4_${p} ALTER wide SET STORAGE EXTERNAL;`).join('\n')}
    CREATE TABLE log(inc bigint, a text);
    INSERT INTO t1 SELECT g, nextval('incs'), 0, repeat('x', 150 + g % 90) FROM generate_series(1, ${rows}) g ORDER BY random();
    INSERT INTO t2 SELECT 'a' || g % 7, 'k' || g, nextval('incs'), 0, repeat(md5(g::text), 90 + g % 50), repeat('y', 200) FROM generate_series(1, ${rows}) g ORDER BY random();
    INSERT INTO t3 SELECT md5(g::text)::uuid, nextval('incs'), 0, repeat('z', 150 + g % 90) FROM generate_series(1, ${rows}) g ORDER BY random();
    INSERT INTO t4 SELECT g, g % 3, nextval('incs'), 0, repeat(md5(g::text), 90), repeat('w', 200) FROM generate_series(1, ${rows / 2}) g ORDER BY random();
    INSERT INTO log SELECT nextval('incs'), 'l' FROM generate_series(1, ${rows}) g;
    DELETE FROM t1 WHERE id % 5 = 0; DELETE FROM t2 WHERE inc % 5 = 0; DELETE FROM t3 WHERE inc % 5 = 0; DELETE FROM t4 WHERE id % 5 = 0`)
  // Free space inside the blocks is where moved rows go.
  for (const table of ['t1', 't2', 't3', 't4']) await client.query(`VACUUM ${table}`)
}

const WRITERS = 6

export function startWorkload(server: PostgresServer, database: string, options: WorkloadOptions): Workload {
  let isOver = false
  let transactions = 0
  const cancelling: Promise<unknown>[] = []
  const random = createRandom(options.seed)

  const writer = async (index: number) => {
    const client = await server.connect(database)
    const session: Session = {
      client,
      index,
      random,
      options,
      isLimbo: options.limbo && index >= WRITERS - 2,
      isLong: index === 0,
      cancel: (pid) => cancelling.push(server.query('SELECT pg_cancel_backend($1)', [pid]).catch(() => undefined)),
      isOver: () => isOver,
    }
    const commits = session.isLimbo ? 'on' : index % 2 === 0 ? 'local' : 'off'
    await client.query(`SET synchronous_commit = ${commits}; SET deadlock_timeout = '30ms'; SET lock_timeout = '1500ms'`)
    while (!isOver) {
      await transact(session)
      transactions++
      await rest(random.below(session.isLimbo ? 30 : 4))
    }
    await Promise.all(cancelling)
    await client.end()
  }
  const rewriter = async () => {
    const client = await server.connect(database)
    await client.query("SET lock_timeout = '3s'")
    let altered = false
    while (!isOver) {
      await rest(200 + random.below(600))
      const rewrites = ['VACUUM FULL t1', 'CLUSTER t3 USING t3_pkey', 'VACUUM FULL t2', 'VACUUM FULL t4_1'] as const
      const statement = options.alters && !altered && random.chance(0.5) ? 'ALTER TABLE t1 ALTER v TYPE bigint' : random.pick(rewrites)
      if (statement.startsWith('ALTER')) altered = true
      await client.query(statement).catch(() => undefined)
    }
    await client.end()
  }
  const all = [...Array.from({ length: WRITERS }, (_, index) => writer(index)), ...(options.rewrites ? [rewriter()] : [])]
  return {
    async stop() {
      isOver = true
      await Promise.all(all)
    },
    get transactions() {
      return transactions
    },
  }
}

type Session = {
  client: pg.Client
  index: number
  random: Random
  options: WorkloadOptions
  isLimbo: boolean
  isLong: boolean
  cancel(pid: number): void
  isOver(): boolean
}

/** One transaction; what the server refuses (locks, duplicates) is part of the game. */
async function transact(session: Session): Promise<void> {
  const { client, random, options, isLong, isLimbo } = session
  try {
    await client.query(`BEGIN${random.chance(0.15) ? ' ISOLATION LEVEL REPEATABLE READ' : ''}`)
    for (let left = 1 + random.below(isLong ? 12 : 5); left > 0; left--) {
      await statement(session)
      if (random.chance(isLong ? 0.5 : 0.02)) await rest(random.below(isLong ? 120 : 30))
    }
    // Not in limbo: a slot built while a TRUNCATE or a rewrite is in the log and not visible can never be decoded past it, by anybody
    // (SOURCE_DECODING, "could not map filenumber"). The rewriter commits with `local`, and is never in limbo either.
    if (options.truncates && !isLimbo && random.chance(0.006)) {
      await client.query(`TRUNCATE t3`)
      await client.query(
        `INSERT INTO t3 SELECT md5(g::text)::uuid, nextval('incs'), 0, 're' FROM generate_series(1, 100) g ON CONFLICT DO NOTHING`,
      )
    }
    await finish(session)
  } catch {
    await client.query('ROLLBACK').catch(() => undefined)
  }
}

/** A statement, sometimes inside a savepoint that is kept, released or rolled back. */
async function statement({ client, random, options }: Session): Promise<void> {
  const sql = operation(random, options.rows)
  if (!random.chance(0.3)) return void (await client.query(sql))
  await client.query('SAVEPOINT s')
  try {
    await client.query(sql)
    if (random.chance(0.3)) await client.query('ROLLBACK TO s')
  } catch {
    await client.query('ROLLBACK TO s')
  }
}

async function finish({ client, random, index, isLimbo, cancel, isOver }: Session): Promise<void> {
  if (random.chance(0.12)) return void (await client.query('ROLLBACK'))
  if (!isLimbo && random.chance(0.06)) {
    const name = `g${index}_${random.below(1e9)}`
    await client.query(`PREPARE TRANSACTION '${name}'`)
    await rest(random.below(150))
    return void (await client.query(`${random.chance(0.7) ? 'COMMIT' : 'ROLLBACK'} PREPARED '${name}'`))
  }
  if (!isLimbo) return void (await client.query('COMMIT'))
  // It waits for a standby that does not exist: in the log, and for nobody to see, until it is cancelled.
  const { processID: pid } = client as unknown as { processID: number }
  const release = setTimeout(() => cancel(pid), isOver() ? 0 : 5 + random.below(250))
  const again = setInterval(() => cancel(pid), 300)
  await client.query('COMMIT')
  clearTimeout(release)
  clearInterval(again)
}

const TABLES: readonly [Name, ...Name[]] = ['t1', 't2', 't3', 't4']

function operation(random: Random, rows: number): string {
  const table = random.pick(TABLES)
  const bound = Math.floor(rows * 1.3)
  const one = random.chance(0.4) ? random.below(60) + 1 : random.below(bound) + 1
  const other = random.below(bound) + 1
  const [here, there] = [where(table, one), where(table, other)]
  const text = textOf(random)
  const dice = random.next()
  if (dice < 0.05) return `INSERT INTO log VALUES (nextval('incs'), ${text})`
  if (dice < 0.2) return `${insert(table, one, random)} ON CONFLICT DO NOTHING`
  if (dice < 0.35) return `DELETE FROM ${table} WHERE ${here}`
  if (dice < 0.39 && table !== 't4')
    return `DELETE FROM ${table} WHERE ${here}; UPDATE ${table} SET ${key(table, one)}, v = v + 1 WHERE ${there}`
  if (dice < 0.49)
    return `UPDATE ${table} SET ${key(table, other)}, v = v + 1 WHERE ${here} AND NOT EXISTS (SELECT FROM ${table} WHERE ${there})`
  if (dice < 0.54) return `DELETE FROM ${table} WHERE ${here}; ${insert(table, one, random)} ON CONFLICT DO NOTHING`
  if (dice < 0.6 && table === 't1') return `UPDATE t1 SET v = v + 1, a = ${text} WHERE id BETWEEN ${other} AND ${other + 15}`
  if (dice < 0.66) return `UPDATE ${table} SET v = v + 1, a = ${text} WHERE inc % 61 = ${random.below(61)}`
  const isWide = (table === 't2' || table === 't4') && random.chance(0.15)
  return `UPDATE ${table} SET v = v + 1, a = ${text}${isWide ? `, wide = ${wideOf(random)}` : ''} WHERE ${here}`
}

function where(table: Name, n: number): string {
  return { t1: `id = ${n}`, t2: `(k1, k2) = ('a${n % 7}', 'k${n}')`, t3: `id = md5('${n}')::uuid`, t4: `id = ${n >> 1}` }[table]
}

function key(table: Name, n: number): string {
  return { t1: `id = ${n}`, t2: `k1 = 'a${n % 7}', k2 = 'k${n}'`, t3: `id = md5('${n}')::uuid`, t4: `p = (p + 1) % 3` }[table]
}

function insert(table: Name, n: number, random: Random): string {
  const values = {
    t1: `${n}, nextval('incs'), 0, ${textOf(random)}`,
    t2: `'a${n % 7}', 'k${n}', nextval('incs'), 0, ${wideOf(random)}, ${textOf(random)}`,
    t3: `md5('${n}')::uuid, nextval('incs'), 0, ${textOf(random)}`,
    t4: `${n >> 1}, ${n % 3}, nextval('incs'), 0, ${wideOf(random)}, ${textOf(random)}`,
  }
  return `INSERT INTO ${table} VALUES (${values[table]})`
}

function textOf(random: Random): string {
  return `'${'ab\t\n\\c'.slice(random.below(4)) + 'q'.repeat(random.below(300))}'`
}

/** Out of line, and uncompressed: an update that leaves it alone leaves it out of the log. */
function wideOf(random: Random): string {
  return `repeat(md5('${random.below(1e9)}'), ${80 + random.below(150)})`
}
