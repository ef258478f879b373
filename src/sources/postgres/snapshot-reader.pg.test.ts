import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import type { Chunk, Visibility } from '../../contracts/source.ts'
import { readCatalogue, type Scope } from './catalogue.ts'
import { closeConnection, connect } from './connection.ts'
import { createConnectionPool, type ConnectionPool } from './connection-pool.ts'
import { createSnapshotReader } from './snapshot-reader.ts'
import { scanTable } from './scan.ts'

const nobody = new AbortController().signal

describe.each(testedMajors())('reading chunks from Postgres %i', (major) => {
  let server: PostgresServer
  let scope: Scope
  beforeAll(async () => {
    server = await startPostgres(major)
    scope = {
      major,
      publications: [],
      viaRoot: true,
      publishesGenerated: false,
      wantsTable: () => true,
      wantsColumn: () => true,
    }
  })
  afterAll(() => server.stop())

  async function open(
    ddl: string,
  ): Promise<{ sql: (text: string) => Promise<unknown>; pool: ConnectionPool; tables: Map<string, Table>; url: string } & AsyncDisposable> {
    const database = await server.createDatabase()
    const url = server.url(database)
    const connection = await connect(url)
    await connection.query(`SET search_path = public; ${ddl}`)
    const pool = createConnectionPool(url)
    const found = await readCatalogue(connection, scope)
    return {
      sql: (text) => connection.query(text),
      pool,
      url,
      tables: new Map(found.map(({ table }) => [table.name, table])),
      [Symbol.asyncDispose]: async () => {
        await pool[Symbol.asyncDispose]()
        await closeConnection(connection)
      },
    }
  }

  test('every row is in exactly one chunk', async () => {
    await using db = await open(
      `CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', g % 300) FROM generate_series(1, 5000) g`,
    )
    const reader = createSnapshotReader(db.pool, () => scope)
    const table = db.tables.get('t')!
    const plan = await reader.plan(table, { generation: 'g', chunkBytes: 100_000 })
    expect(plan.length).toBeGreaterThan(5)
    const ids: unknown[] = []
    const highs: string[] = []
    for (const chunk of JSON.parse(JSON.stringify(plan)) as Chunk[]) {
      const read = await reader.read(chunk, () => {}, nobody)
      for (const row of read!.rows.rows()) ids.push(row[0])
      highs.push(read!.high)
    }
    expect(ids.length).toBe(5000)
    expect(new Set(ids).size).toBe(5000)
    expect(plan[0]!.id).toBe('public.t/g/0')
    expect([...highs].sort()).toEqual(highs)
  })

  test('a chunk tells its snapshot before its rows, and rows changed after it are not in it', async () => {
    await using db = await open(`CREATE TABLE t(id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)`)
    const reader = createSnapshotReader(db.pool, () => scope)
    const [chunk] = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    const other = await server.connect(new URL(db.url).pathname.slice(1))
    await other.query('BEGIN; UPDATE public.t SET v = 2')
    const xid = Number((await other.query('SELECT pg_current_xact_id()::xid::text AS x')).rows[0].x)
    expect(await reader.running()).toContain(xid)
    const holders = await reader.holders([xid])
    expect(holders[0]).toMatchObject({ xid, state: 'idle in transaction' })
    expect(holders[0]!.pid).toBeGreaterThan(0)
    let seen: Visibility | undefined
    const read = await reader.read(chunk!, (visibility) => (seen = visibility), nobody)
    expect(read!.rows.rows()).toEqual([[1, 1]])
    expect(seen!.sees(xid)).toBe(false)
    await other.query('COMMIT')
    expect((await reader.visibility()).sees(xid)).toBe(true)
    expect(await reader.running()).not.toContain(xid)
    await other.end()
  })

  test('a rewritten table makes its chunks void', async () => {
    await using db = await open(`CREATE TABLE t(id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 1 FROM generate_series(1, 1000) g`)
    const reader = createSnapshotReader(db.pool, () => scope)
    const [chunk] = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    await db.sql('VACUUM FULL public.t')
    expect(await reader.read(chunk!, () => {}, nobody)).toBeNull()
    const [again] = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    expect((await reader.read(again!, () => {}, nobody))!.rows.rowCount).toBe(1000)
  })

  test('a table that took the name of another is not read in its place', async () => {
    await using db = await open(`CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE u(id int PRIMARY KEY); INSERT INTO u VALUES (7)`)
    const reader = createSnapshotReader(db.pool, () => scope)
    const [chunk] = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    await db.sql('ALTER TABLE public.t RENAME TO old; ALTER TABLE public.u RENAME TO t')
    expect(await reader.read(chunk!, () => {}, nobody)).toBeNull()
    await db.sql('DROP TABLE public.t, public.old')
    expect(await reader.read(chunk!, () => {}, nobody)).toBeNull()
    expect(await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })).toEqual([])
  })

  test('the chunk carries the table as its transaction saw it', async () => {
    await using db = await open(`CREATE TABLE t(id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)`)
    const reader = createSnapshotReader(db.pool, () => scope)
    const [chunk] = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    await db.sql(`ALTER TABLE public.t DROP COLUMN v, ADD COLUMN w text DEFAULT 'a,"b"'`)
    const read = await reader.read(chunk!, () => {}, nobody)
    expect(read!.rows.table.columns.map((column) => [column.id, column.name, column.missing])).toEqual([
      [1, 'id', undefined],
      [3, 'w', 'a,"b"'],
    ])
    expect(read!.rows.rows()).toEqual([[1, 'a,"b"']])
  })

  test('partitions are chunks of their root, with its key', async () => {
    await using db = await open(
      `CREATE TABLE t(id int, p int, v text, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
       CREATE TABLE t0 PARTITION OF t FOR VALUES IN (0);
       CREATE TABLE t1(v text, junk int, p int NOT NULL, id int NOT NULL, PRIMARY KEY (id, p)); ALTER TABLE t1 DROP COLUMN junk;
       ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1);
       INSERT INTO t SELECT g, g % 2, 'v' || g FROM generate_series(1, 10) g`,
    )
    expect([...db.tables.keys()]).toEqual(['t'])
    const reader = createSnapshotReader(db.pool, () => scope)
    const plan = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e6 })
    expect(plan.map((chunk) => chunk.leaf)).toEqual(['"public"."t0"', '"public"."t1"'])
    const rows: (readonly Row[])[] = []
    for (const chunk of plan) rows.push((await reader.read(chunk, () => {}, nobody))!.rows.rows())
    expect(
      rows
        .flat()
        .map((row) => row[0])
        .sort((a, b) => Number(a) - Number(b)),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(rows[1]![0]).toEqual([1, 1, 'v1'])
    expect(db.tables.get('t')!.key).toEqual([0, 1])
  })

  test('keys are read again, whatever they hold', async () => {
    await using db = await open(
      `CREATE TABLE one(id text PRIMARY KEY, v int); INSERT INTO one VALUES ('a''b', 1), ('c\\d', 2), ('other', 3), ('', 4);
       CREATE TABLE two(a int, b numeric, c timestamptz, v int, PRIMARY KEY (a, b, c));
       INSERT INTO two VALUES (1, 1.50, '2026-01-01', 1), (1, 'NaN', '-infinity', 2), (2, 7, '0044-03-15 BC', 3), (9, 9, now(), 4)`,
    )
    const reader = createSnapshotReader(db.pool, () => scope)
    const one = db.tables.get('one')!
    const keys = ["a'b", 'c\\d', ''].map((id): Row => [id, UNCHANGED])
    const read = await reader.read(reader.keyChunk(one, keys, 'k'), () => {}, nobody)
    expect(read!.rows.rows().map((row) => row[1])).toEqual([1, 2, 4])
    const two = db.tables.get('two')!
    const all: (readonly Row[])[] = []
    for await (const rows of scanTable(db.pool, { table: two, keys: null, scope }, nobody)) all.push(rows)
    const some = all.flat().slice(0, 3)
    const again = await reader.read(reader.keyChunk(two, some, 'k'), () => {}, nobody)
    expect(
      again!.rows
        .rows()
        .map((row) => row[3])
        .sort(),
    ).toEqual([1, 2, 3])
    expect((await reader.read(reader.keyChunk(two, [], 'k'), () => {}, nobody))!.rows.rowCount).toBe(0)
  })

  test('a keyless table is read whole, in one snapshot, in pieces', async () => {
    await using db = await open(
      `CREATE TABLE t(id int, v text); INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 20000) g`,
    )
    const reader = createSnapshotReader(db.pool, () => scope)
    const plan = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e5 })
    expect(plan.length).toBe(1)
    let seen = 0
    let rows = 0
    let pieces = 0
    for await (const piece of reader.readWhole(plan[0]!, () => seen++, nobody)) {
      expect(seen).toBe(1)
      rows += piece.rows().length
      pieces++
    }
    expect(rows).toBe(20_000)
    expect(pieces).toBeGreaterThan(2)
  })

  test('an empty table is one empty chunk, and a table without columns is read too', async () => {
    await using db = await open(`CREATE TABLE t(id int PRIMARY KEY)`)
    const reader = createSnapshotReader(db.pool, () => scope)
    const plan = await reader.plan(db.tables.get('t')!, { generation: 'g', chunkBytes: 1e5 })
    expect(plan.length).toBe(1)
    expect((await reader.read(plan[0]!, () => {}, nobody))!.rows.rowCount).toBe(0)
  })

  test('leaving a scan and aborting a read free their connections', async () => {
    await using db = await open(
      `CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g`,
    )
    const table = db.tables.get('t')!
    for await (const rows of scanTable(db.pool, { table, keys: null, scope }, nobody)) {
      expect(rows.length).toBeGreaterThan(0)
      break
    }
    const reader = createSnapshotReader(db.pool, () => scope)
    const [chunk] = await reader.plan(table, { generation: 'g', chunkBytes: 1e9 })
    const abort = new AbortController()
    await expect(reader.read(chunk!, () => abort.abort(), abort.signal)).rejects.toThrow()
    expect((await reader.read(chunk!, () => {}, nobody))!.rows.rowCount).toBe(20_000)
  })
})
