import type pg from 'pg'
import { createRandom, rest, type Random } from '../model/random.ts'
import type { PostgresServer } from '../servers.ts'
import { reshape, type Shape } from './reshape.ts'
import { JOURNAL_SQL, writeJournal, type Noted } from './truth.ts'

/**
 * Writers that note what they do: each transaction writes its changes into the journal that it commits. Every version of a row has a number of
 * the sequence `clock`, taken while the row is locked, so that the numbers of one key rise in the order of its changes.
 *
 * Keys belong to one writer each: it alone inserts and deletes them. Others update them, and truncates hold the whole table.
 */
export type Workload = {
  stop(): Promise<void>
  /** The journal's numbers of transactions whose COMMIT was answered. */
  acknowledged: readonly number[]
}

export type WorkloadOptions = { seed: number; writers: number; rows: number; reshapes: boolean; truncates: boolean; restMs: number }

/** From here on the writers are slow: a fast machine shall not fill memory and disk of a run. */
const MANY_CHANGES = 60_000

/** A session of the harness's own, past every proxy, and what it may write to. */
export type Writer = { client: pg.Client; random: Random; index: number; options: WorkloadOptions; shape: Shape; noted: Noted[] }

export async function createTables(client: pg.Client, { rows, writers }: WorkloadOptions): Promise<void> {
  await client.query(`
    CREATE SEQUENCE clock; ${JOURNAL_SQL};
    CREATE TABLE items (id int PRIMARY KEY, v bigint NOT NULL, note text, wide text); ALTER TABLE items ALTER wide SET STORAGE EXTERNAL;
    CREATE TABLE pairs (a text, b int, v bigint NOT NULL, note text, wide text, PRIMARY KEY (a, b)); ALTER TABLE pairs ALTER wide SET STORAGE EXTERNAL;
    CREATE TABLE events (v bigint NOT NULL, note text)`)
  await client.query('BEGIN')
  const noted: Noted[] = []
  await note(
    client,
    noted,
    'items',
    `INSERT INTO items SELECT g, nextval('clock'), repeat('n', 60 + g % 200), ${wide('g')} FROM generate_series(1, ${rows}) g`,
  )
  await note(
    client,
    noted,
    'pairs',
    `INSERT INTO pairs SELECT 'p' || g % ${writers}, g, nextval('clock'), repeat('m', 60 + g % 90), ${wide('g')} FROM generate_series(1, ${rows / 2}) g`,
  )
  await note(client, noted, 'events', `INSERT INTO events SELECT nextval('clock'), repeat('e', 80) FROM generate_series(1, ${rows / 4}) g`)
  await writeJournal(client, noted)
  await client.query('COMMIT')
}

export function startWorkload(server: PostgresServer, database: string, options: WorkloadOptions): Workload {
  const acknowledged: number[] = []
  let changes = 0
  const shape: Shape = { columns: [], joined: [], made: 0 }
  let isOver = false

  /** Goes on with a new session where the old one was cut: what was under way is committed or not, and the journal says which. */
  const work = async (index: number, pauseMs: number, act: (writer: Writer) => Promise<void>) => {
    const random = createRandom(options.seed * 31 + index)
    let client: pg.Client | null = null
    while (!isOver) {
      try {
        client ??= await open(server, database)
        const noted: Noted[] = []
        await client.query('BEGIN')
        await act({ client, random, index, options, shape, noted })
        const id = noted.length > 0 ? await writeJournal(client, noted) : null
        const isKept = !random.chance(0.06)
        await client.query(isKept ? 'COMMIT' : 'ROLLBACK')
        if (isKept && id !== null) acknowledged.push(id)
        changes += noted.length
      } catch {
        const { ok } = await orNothing(client)
        if (!ok) client = null
      }
      await rest(client === null ? 100 : changes > MANY_CHANGES ? 300 : random.below(pauseMs))
    }
    await client?.end().catch(() => {})
  }
  const all = Array.from({ length: options.writers }, (_, index) => work(index, options.restMs, transact))
  if (options.truncates) all.push(work(101, 8000, truncate))
  if (options.reshapes) all.push(work(102, 1500, reshape))
  return {
    acknowledged,
    async stop() {
      isOver = true
      await Promise.all(all)
    },
  }
}

async function open(server: PostgresServer, database: string): Promise<pg.Client> {
  const client = await server.connect(database)
  await client.query("SET lock_timeout = '2s'; SET deadlock_timeout = '50ms'")
  return client
}

/** Rolls back; not `ok` where the session is gone. */
async function orNothing(client: pg.Client | null): Promise<{ ok: boolean }> {
  try {
    await client?.query('ROLLBACK')
    return { ok: client !== null }
  } catch {
    await client?.end().catch(() => {})
    return { ok: false }
  }
}

async function transact(writer: Writer): Promise<void> {
  const { client, random, noted } = writer
  for (let left = 1 + random.below(5); left > 0; left--) {
    const isInSavepoint = random.chance(0.15)
    if (isInSavepoint) await client.query('SAVEPOINT s')
    const before = noted.length
    await operate(writer)
    if (isInSavepoint && random.chance(0.5)) {
      await client.query('ROLLBACK TO s')
      noted.length = before
    }
  }
}

async function operate({ client, random, index, options, shape, noted }: Writer): Promise<void> {
  const { writers, rows } = options
  const own = () => random.below(Math.ceil((rows * 1.3) / writers)) * writers + index
  const run = (table: string, sql: string) => note(client, noted, table, sql)
  const dice = random.next()
  const text = `'${'q"\\n\\'.slice(random.below(4))}${'t'.repeat(random.below(120))}'`
  if (dice < 0.06)
    return run('events', `INSERT INTO events SELECT nextval('clock'), ${text} FROM generate_series(1, ${1 + random.below(3)})`)
  if (dice < 0.2)
    return run(
      'items',
      `INSERT INTO items (id, v, note, wide) VALUES (${own()}, nextval('clock'), ${text}, ${wide(own())}) ON CONFLICT DO NOTHING`,
    )
  if (dice < 0.28)
    return run(
      'pairs',
      `INSERT INTO pairs (a, b, v, wide) VALUES ('p${index}', ${own()}, nextval('clock'), ${wide(own())}) ON CONFLICT DO NOTHING`,
    )
  if (dice < 0.4) return run('items', `DELETE FROM items WHERE id = ${own()}`)
  if (dice < 0.46) return run('pairs', `DELETE FROM pairs WHERE b = ${own()} AND a = 'p${index}'`)
  if (dice < 0.54) return moveItem({ client, noted }, own(), own())
  if (dice < 0.6) return movePair({ client, noted }, `p${index}`, own(), own())
  if (dice < 0.62) return run('items', `UPDATE items SET v = nextval('clock'), note = ${text} WHERE id % 5 = ${random.below(5)}`)
  if (dice < 0.68)
    return run('pairs', `UPDATE pairs SET v = nextval('clock'), wide = ${wide(own())} WHERE a = 'p${index}' AND b % 9 = ${random.below(9)}`)
  if (dice < 0.78) return run('items', `UPDATE items SET v = nextval('clock'), wide = ${wide(own())} WHERE id = ${own()}`)
  const joined = shape.joined[random.below(shape.joined.length + 3)]
  if (joined !== undefined && dice < 0.84)
    return run(joined, `INSERT INTO ${joined} (id, v) VALUES (${own()}, nextval('clock')) ON CONFLICT DO NOTHING`)
  if (joined !== undefined && dice < 0.88) return run(joined, `DELETE FROM ${joined} WHERE id = ${own()}`)
  if (joined !== undefined) return run(joined, `UPDATE ${joined} SET v = nextval('clock') WHERE id % 20 = ${random.below(20)}`)
  return run('items', `UPDATE items SET v = nextval('clock'), note = ${text} WHERE id BETWEEN ${own()} AND ${own()} AND id % 11 = 0`)
}

/** A statement on one table, and what it says that it did. */
export async function note(client: pg.Client, noted: Noted[], table: string, sql: string): Promise<void> {
  const key = table === 'pairs' ? "json_build_object('a', a, 'b', b)" : table === 'events' ? "'null'::json" : "json_build_object('id', id)"
  const op = sql.startsWith('INSERT') ? 'insert' : sql.startsWith('UPDATE') ? 'update' : 'delete'
  // The number of a delete is taken while it holds the row.
  const { rows } = await client.query(`${sql} RETURNING ${key} AS k, ${op === 'delete' ? "nextval('clock')" : 'v'}::text AS v`)
  for (const { k, v } of rows as { k: unknown; v: string }[]) noted.push({ t: `public.${table}`, op, k: JSON.stringify(k), v: Number(v) })
}

async function moveItem({ client, noted }: Pick<Writer, 'client' | 'noted'>, from: number, to: number): Promise<void> {
  const where = `id = ${from} AND NOT EXISTS (SELECT FROM items WHERE id = ${to})`
  const { rows } = await client.query(`UPDATE items SET id = ${to}, v = nextval('clock') WHERE ${where} RETURNING v::text`)
  moved(noted, 'items', rows, { from: { id: from }, to: { id: to } })
}

async function movePair({ client, noted }: Pick<Writer, 'client' | 'noted'>, a: string, from: number, to: number): Promise<void> {
  const where = `a = '${a}' AND b = ${from} AND NOT EXISTS (SELECT FROM pairs WHERE a = '${a}' AND b = ${to})`
  const { rows } = await client.query(`UPDATE pairs SET b = ${to}, v = nextval('clock') WHERE ${where} RETURNING v::text`)
  moved(noted, 'pairs', rows, { from: { a, b: from }, to: { a, b: to } })
}

function moved(noted: Noted[], table: string, rows: readonly { v: string }[], { from, to }: { from: object; to: object }): void {
  for (const { v } of rows) {
    noted.push({ t: `public.${table}`, op: 'delete', k: JSON.stringify(from), v: Number(v) })
    noted.push({ t: `public.${table}`, op: 'update', k: JSON.stringify(to), v: Number(v) })
  }
}

async function truncate({ client, random, noted, options }: Writer): Promise<void> {
  const table = random.pick(['items', 'pairs'])
  await client.query(`TRUNCATE ${table}`)
  const { rows } = await client.query("SELECT nextval('clock')::text AS v")
  noted.push({ t: `public.${table}`, op: 'truncate', k: '', v: Number(rows[0].v) })
  const again = options.rows / 4
  if (table === 'items')
    return note(
      client,
      noted,
      table,
      `INSERT INTO items (id, v, wide) SELECT g, nextval('clock'), ${wide('g')} FROM generate_series(1, ${again}) g`,
    )
  return note(
    client,
    noted,
    table,
    `INSERT INTO pairs (a, b, v) SELECT 'p' || g % ${options.writers}, g, nextval('clock') FROM generate_series(1, ${again}) g`,
  )
}

/** Now and then out of line and uncompressed: an update that leaves it alone leaves it out of the log. */
function wide(from: string | number): string {
  return `CASE WHEN (${from}) % 4 = 0 THEN repeat(md5((${from})::text), 80) ELSE md5((${from})::text) END`
}
