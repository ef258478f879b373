/** The table of every stream benchmark, 142 MB a million rows, and how it is filled. */
import type pg from 'pg'
import type { PostgresServer } from '../test/servers.ts'

export const TABLE = `CREATE TABLE bench (id bigint PRIMARY KEY, a int, name text, code varchar(16), amount numeric(10,2), ts timestamptz, flag bool, doc jsonb)`

const ROW = `g, g % 1000, 'customer number ' || g, 'C' || g % 100000, (g % 1000000) / 100.0, timestamptz '2026-01-01Z' + g * interval '1.5 seconds', g % 2 = 0,
  jsonb_build_object('k', g, 'tags', jsonb_build_array('a', 'b'))`

/** `rows` inserts, `perTransaction` in each transaction. */
export async function insertRows(client: pg.Client, rows: number, perTransaction: number): Promise<void> {
  await client.query(`DO $$ BEGIN FOR i IN 0..${rows / perTransaction - 1} LOOP
    INSERT INTO bench SELECT ${ROW} FROM generate_series(i * ${perTransaction} + 1, (i + 1) * ${perTransaction}) g; COMMIT; END LOOP; END $$`)
}

/** Updates every row once, `perTransaction` in each transaction. */
export async function updateRows(client: pg.Client, rows: number, perTransaction: number): Promise<void> {
  await client.query(`DO $$ BEGIN FOR i IN 0..${rows / perTransaction - 1} LOOP
    UPDATE bench SET a = a + 1, name = name || '!', amount = amount + 1 WHERE id BETWEEN i * ${perTransaction} + 1 AND (i + 1) * ${perTransaction}; COMMIT; END LOOP; END $$`)
}

/** All in one transaction. */
export async function insertAtOnce(client: pg.Client, rows: number): Promise<void> {
  await client.query(`INSERT INTO bench SELECT ${ROW} FROM generate_series(1, ${rows}) g`)
}

/** The end of the log, with one more change after it: readers that stop at a position need something to read past it. */
export async function markEnd(client: pg.Client): Promise<string> {
  const end = await client.query('SELECT pg_current_wal_lsn() AS lsn')
  await client.query("INSERT INTO bench (id, name) VALUES (-1, 'end') ON CONFLICT (id) DO UPDATE SET a = coalesce(bench.a, 0) + 1")
  return end.rows[0].lsn as string
}

/** A copy of a slot per reader, so that all read the same log. */
export async function copySlot(server: PostgresServer, from: string, to: string): Promise<void> {
  await server.query('SELECT pg_copy_logical_replication_slot($1, $2)', [from, to])
}

/** 13 columns of mixed types: the table of the snapshot benchmarks. */
export async function wideTable(client: pg.Client, rows: number): Promise<void> {
  await client.query(`CREATE TABLE wide (id bigint PRIMARY KEY, a int, b smallint, price numeric(10,2), ratio double precision, name text, code varchar(16), uid uuid,
    day date, at timestamptz, flag bool, doc jsonb, note text)`)
  await client.query(`INSERT INTO wide SELECT g, g % 1000, g % 100, (g % 100000) / 100.0, g / 3.0, 'customer number ' || g, 'C' || g % 100000, md5(g::text)::uuid,
    date '2000-01-01' + g % 9000, timestamptz '2026-01-01Z' + g * interval '1 second', g % 2 = 0, jsonb_build_object('k', g), CASE WHEN g % 3 = 0 THEN NULL ELSE 'a note of some length' END
    FROM generate_series(1, ${rows}) g`)
  await client.query('VACUUM ANALYZE wide')
}
