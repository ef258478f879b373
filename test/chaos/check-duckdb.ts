import { DuckDBInstance } from '@duckdb/node-api'
import type pg from 'pg'

/** Keys and versions of each table of the DuckDB file beside those of the source, by DuckDB's own client alone. */
export async function checkDuckdb(path: string, source: pg.Client, tables: readonly string[]): Promise<string[]> {
  const faults: string[] = []
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    for (const table of tables) {
      const key = table === 'public.pairs' ? "a || '/' || b" : table === 'public.events' ? "''" : "'' || id"
      const sql = `SELECT ${key} || ' v' || v AS one FROM ${table}`
      const held = (await connection.runAndReadAll(sql)).getRows().map(([one]) => String(one))
      const expected = (await source.query(sql)).rows.map(({ one }: { one: string }) => one)
      const [inSink, inSource] = [new Set(held), new Set(expected)]
      const missing = expected.filter((one) => !inSink.has(one))
      const over = held.filter((one) => !inSource.has(one))
      if (missing.length > 0) faults.push(`duckdb: ${table} is without ${missing.length} rows: ${missing.slice(0, 5).join(', ')}`)
      if (over.length > 0) faults.push(`duckdb: ${table} has ${over.length} rows too many: ${over.slice(0, 5).join(', ')}`)
      if (held.length !== expected.length) faults.push(`duckdb: ${table} has ${held.length} rows, the source ${expected.length}`)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return faults
}
