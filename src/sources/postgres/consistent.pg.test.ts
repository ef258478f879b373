import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import type { ConsistentSnapshot, SnapshotContext, SnapshotTable } from '../../contracts/archive.ts'
import { tableName, type Row } from '../../contracts/table.ts'
import { postgresConfig } from './config.ts'
import { openConsistent } from './consistent.ts'

const nobody = new AbortController().signal
const log = { debug() {}, info() {}, warn() {}, error() {} }

describe.each(testedMajors())('one point in time of Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major)
  })
  afterAll(() => server.stop())

  async function database(ddl: string) {
    const name = await server.createDatabase()
    const client = await server.connect(name)
    await client.query(ddl)
    return {
      name,
      url: server.url(name),
      sql: async (text: string) => (await client.query(text)).rows as Record<string, unknown>[],
      [Symbol.asyncDispose]: () => client.end(),
    }
  }

  const open = (config: { url: string; [option: string]: unknown }, context: Partial<SnapshotContext> = {}) =>
    openConsistent(postgresConfig.parse(config), { parallel: 2, chunkBytes: 65_536, queries: {}, log, ...context }, nobody)

  test('sums over several tables hold while money moves between them', async () => {
    await using db = await database(`
      CREATE TABLE savings(id int PRIMARY KEY, amount int, filler text);
      CREATE TABLE current(id int PRIMARY KEY, amount int, filler text);
      CREATE TABLE journal(amount int);
      INSERT INTO savings SELECT g, 100, repeat('x', 200) FROM generate_series(1, 3000) g;
      INSERT INTO current SELECT g, 100, repeat('x', 200) FROM generate_series(1, 3000) g;`)
    const bank = { isOpen: true, transfers: 0 }
    const clerks = [1, 2, 3].map(async () => {
      const client = await server.connect(db.name)
      while (bank.isOpen) {
        const amount = Math.random() < 0.5 ? 1 : -1
        const id = 1 + Math.floor(Math.random() * 3000)
        await client.query(`BEGIN; UPDATE savings SET amount = amount - ${amount} WHERE id = ${id};
          UPDATE current SET amount = amount + ${amount} WHERE id = ${3001 - id}; INSERT INTO journal VALUES (0); COMMIT`)
        bank.transfers++
      }
      await client.end()
    })
    for (let round = 0; round < 3; round++) {
      await using snapshot = await open({ url: db.url })
      const before = bank.transfers
      await until(() => bank.transfers > before + 50)
      const rows = await Promise.all(snapshot.tables.map((table) => readAll(snapshot, table)))
      const counted = await Promise.all(snapshot.tables.map((table) => snapshot.count(table, nobody)))
      expect(rows.map((each) => each.length)).toEqual(counted)
      expect(snapshot.tables.flatMap(({ table }, at) => (table.name === 'journal' ? [] : [counted[at]]))).toEqual([3000, 3000])
      const amounts = snapshot.tables.map(({ table }) => table.columns.findIndex(({ name }) => name === 'amount'))
      expect(rows.flatMap((each, at) => each.map((row) => Number(row[amounts[at]!]))).reduce((sum, amount) => sum + amount, 0)).toBe(
        600_000,
      )
    }
    bank.isOpen = false
    await Promise.all(clerks)
  })

  test('tables without a key, partitioned tables by their root, filters, columns and generated columns', async () => {
    await using db = await database(`
      CREATE TABLE keyless(a int, b text); INSERT INTO keyless SELECT g, 'x' FROM generate_series(1, 10) g;
      CREATE TABLE parts(day date, n int) PARTITION BY RANGE (day);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
      CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (n);
      CREATE TABLE parts_2_1 PARTITION OF parts_2 FOR VALUES IN (1); CREATE TABLE parts_2_2 PARTITION OF parts_2 DEFAULT;
      INSERT INTO parts SELECT date '2026-01-15' + g, g FROM generate_series(0, 40) g;
      CREATE TABLE filtered(id int, secret text, twice int GENERATED ALWAYS AS (id * 2) STORED);
      INSERT INTO filtered SELECT g, 's' FROM generate_series(1, 10) g;
      CREATE TABLE empty(id int);`)
    await using snapshot = await open({
      url: db.url,
      where: { 'public.filtered': 'id > 5 -- the newer ones' },
      columns: { 'public.filtered': ['*', '!secret'] },
    })
    const found = await readTables(snapshot)
    expect(Object.fromEntries(Object.entries(found).map(([name, { rows, counted }]) => [name, [rows.length, counted]]))).toEqual({
      'public.keyless': [10, 10],
      'public.parts': [41, 41],
      'public.filtered': [5, 5],
      'public.empty': [0, 0],
    })
    expect(found['public.filtered']?.rows[0]).toEqual([6, 12])
    expect(await db.sql(`SELECT count(*)::int FROM pg_replication_slots WHERE database = current_database()`)).toEqual([{ count: 0 }])
    expect(await db.sql('SELECT count(*)::int FROM pg_publication')).toEqual([{ count: 0 }])
  })

  test('a partition that is attached meanwhile belongs to neither the rows nor their count', async () => {
    await using db = await database(`
      CREATE TABLE parts(n int) PARTITION BY LIST (n); CREATE TABLE one PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1);
      CREATE TABLE two(n int); INSERT INTO two VALUES (2), (2);`)
    await using snapshot = await open({ url: db.url, tables: ['public.parts'] })
    await db.sql('ALTER TABLE parts ATTACH PARTITION two FOR VALUES IN (2)')
    const { rows, counted } = (await readTables(snapshot))['public.parts']!
    expect([rows.length, counted]).toEqual([1, 1])
  })

  test('a query in place of a table: any types, the role’s own search path, a name of its own', async () => {
    await using db = await database(`
      CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people(id int, m mood, tags text[]); INSERT INTO people VALUES (1, 'ok', '{a,b}'), (2, NULL, NULL);
      CREATE VIEW happy AS SELECT * FROM people WHERE m = 'ok';`)
    const queries = {
      'public.people': 'SELECT id, m FROM people; ',
      'report.happy': `SELECT *, numeric(6,2) '1.5' AS price, '{"a":1}'::jsonb, interval '1 day' AS wait FROM happy -- all`,
    }
    await using snapshot = await open({ url: db.url }, { queries })
    const found = await readTables(snapshot)
    expect(found['public.people']).toEqual({
      rows: [
        [1, 'ok'],
        [2, null],
      ],
      counted: 2,
    })
    expect(found['report.happy']).toEqual({ rows: [[1, 'ok', ['a', 'b'], '1.50', '{"a": 1}', 'P1D']], counted: 1 })
    const types = snapshot.tables.find(({ table }) => table.schema === 'report')?.table.columns.map((column) => column.sourceType)
    expect(types).toEqual(['integer', 'public.mood', 'text[]', 'numeric(6,2)', 'jsonb', 'interval'])
  })

  test('what cannot be read is named, and the rest is read', async () => {
    await using db =
      await database(`CREATE TABLE good(id int); INSERT INTO good VALUES (1); CREATE TABLE bad(id int); CREATE TABLE secret(id int);
      CREATE TABLE parts(n int) PARTITION BY LIST (n); CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
      CREATE ROLE reader_${major} LOGIN; GRANT SELECT ON good, bad, parts TO reader_${major};`)
    const url = db.url.replace('postgres@', `reader_${major}@`)
    const queries = { 'q.wrong': 'SELECT nothing FROM good', 'q.double': 'SELECT 1 AS a, 2 AS a', 'q.right': 'SELECT 1 AS a' }
    await using snapshot = await open({ url, where: { 'public.bad': 'nonsense = 1' } }, { queries })
    expect(snapshot.refused.map((refused) => [tableName(refused), (refused.error as { code?: string }).code]).sort()).toEqual([
      ['public.bad', 'WHERE_INVALID'],
      ['public.parts', 'RIGHT_TABLE'],
      ['public.secret', 'RIGHT_TABLE'],
      ['q.double', 'ARCHIVE_QUERY'],
      ['q.wrong', 'ARCHIVE_QUERY'],
    ])
    expect(Object.keys(await readTables(snapshot)).sort()).toEqual(['public.good', 'q.right'])
    await expect(open({ url, tables: ['public.absent'] })).rejects.toMatchObject({ code: 'TABLE_MISSING' })
  })

  test('nobody empties, rewrites, alters or drops a table before it is read, nor what a query reads through its views', async () => {
    await using db = await database(
      `CREATE TABLE t(id int); INSERT INTO t VALUES (1); CREATE TABLE u(id int); INSERT INTO u VALUES (2); CREATE VIEW v AS SELECT * FROM u;`,
    )
    await using snapshot = await open({ url: db.url, tables: ['public.t'] }, { queries: { 'public.v': 'SELECT * FROM v' } })
    for (const statement of [
      'TRUNCATE t',
      'VACUUM FULL t',
      'ALTER TABLE t ADD extra int',
      'DROP TABLE t',
      'TRUNCATE u',
      'DROP TABLE u CASCADE',
    ])
      await expect(
        db.sql(`SET lock_timeout = '20ms'`).then(() => db.sql(statement)),
        statement,
      ).rejects.toMatchObject({ code: '55P03' })
    expect(await readTables(snapshot)).toMatchObject({ 'public.t': { rows: [[1]], counted: 1 }, 'public.v': { rows: [[2]], counted: 1 } })
    await snapshot.assertHeld()
  })

  test('what a query reads that somebody writes anew while the locks are waited for is read as it is after', async () => {
    await using db = await database(`CREATE UNLOGGED TABLE m(id int); INSERT INTO m VALUES (1), (2)`)
    const other = await server.connect(db.name)
    await other.query('BEGIN; TRUNCATE m; INSERT INTO m VALUES (3)')
    const opening = open({ url: db.url, tables: ['none.*'] }, { queries: { 'public.m': 'SELECT * FROM public.m' } })
    await until(async () => (await db.sql(`SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'm'::regclass`)).length > 0)
    await other.query('COMMIT')
    await other.end()
    await using snapshot = await opening
    expect(await readTables(snapshot)).toEqual({ 'public.m': { rows: [[3]], counted: 1 } })
  })

  test('a database whose text is in no encoding is refused', async () => {
    const ascii = `ascii_${process.pid}_${major}`
    await server.query(`CREATE DATABASE ${ascii} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`)
    await server.query('CREATE TABLE t(v text)', [], ascii)
    await expect(open({ url: server.url(ascii) })).rejects.toMatchObject({ code: 'SOURCE_ENCODING' })
  })

  test('a table that somebody holds is waited for, but not for ever', async () => {
    await using db = await database(`CREATE TABLE t(id int)`)
    const other = await server.connect(db.name)
    const { rows } = await other.query('SELECT pg_backend_pid() AS pid')
    await other.query('BEGIN; TRUNCATE t')
    await expect(open({ url: db.url })).rejects.toMatchObject({
      code: 'ARCHIVE_TABLE_LOCKED',
      fields: { table: 'public.t', holders: `process ${rows[0].pid}` },
    })
    await other.end()
  })

  test('lost locks are noticed, and so is a lost snapshot', async () => {
    await using db = await database(`CREATE TABLE t(id int)`)
    await using snapshot = await open({ url: db.url })
    await db.sql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessShareLock'`)
    await expect(snapshot.assertHeld()).rejects.toMatchObject({ code: 'SOURCE_LOST' })
    await using second = await open({ url: db.url })
    await db.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    await expect(readTables(second)).rejects.toThrow()
  })

  test('no time limit of the role ends it', async () => {
    await using db =
      await database(`CREATE ROLE hasty_${major} LOGIN; CREATE TABLE t(id int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO hasty_${major};
      ALTER ROLE hasty_${major} SET statement_timeout = '150ms'; ALTER ROLE hasty_${major} SET idle_in_transaction_session_timeout = '100ms';
      ${major >= 17 ? `ALTER ROLE hasty_${major} SET transaction_timeout = '150ms';` : ''}`)
    const url = db.url.replace('postgres@', `hasty_${major}@`)
    await using snapshot = await open({ url }, { queries: { 'q.slow': 'SELECT 1 AS a FROM pg_sleep(0.5)' } })
    expect(await readTables(snapshot)).toMatchObject({ 'public.t': { rows: [[1]] }, 'q.slow': { rows: [[1]], counted: 1 } })
    await snapshot.assertHeld()
  })

  test('a piece holds whole rows, however the socket cuts them, and long rows too', async () => {
    await using db = await database(`CREATE TABLE t(id int, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
      INSERT INTO t SELECT g, repeat('x', CASE WHEN g % 50 = 0 THEN 300000 ELSE g END) FROM generate_series(1, 2000) g;`)
    await using snapshot = await open({ url: db.url })
    const { rows, counted } = (await readTables(snapshot))['public.t']!
    expect(counted).toBe(2000)
    expect(rows.map(([id, v]) => [id, String(v).length]).sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(
      Array.from({ length: 2000 }, (_, index) => [index + 1, (index + 1) % 50 === 0 ? 300_000 : index + 1]),
    )
  })

  test('a standby is read as it is', async () => {
    await using primary = await startPostgres(major)
    await primary.query('CREATE TABLE t(id int); INSERT INTO t SELECT g FROM generate_series(1, 1000) g')
    await primary.halt()
    writeFileSync(join(primary.dataDir, 'standby.signal'), '')
    await primary.start()
    await using snapshot = await open({ url: primary.url() })
    const { rows, counted } = (await readTables(snapshot))['public.t']!
    expect([rows.length, counted]).toEqual([1000, 1000])
    expect(snapshot.position).toMatch(/^[0-9A-F]{16}$/)
  })
})

async function readTables(snapshot: ConsistentSnapshot): Promise<Record<string, { rows: Row[]; counted: number }>> {
  const found: Record<string, { rows: Row[]; counted: number }> = {}
  for (const table of snapshot.tables)
    found[tableName(table.table)] = { rows: await readAll(snapshot, table), counted: await snapshot.count(table, nobody) }
  return found
}

async function readAll(snapshot: ConsistentSnapshot, table: SnapshotTable): Promise<Row[]> {
  const rows: Row[] = []
  for (const chunk of table.chunks) for await (const piece of snapshot.read(table, chunk, nobody)) rows.push(...piece.rows())
  return rows
}
