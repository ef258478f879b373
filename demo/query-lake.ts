/**
 * Asks DuckDB for the latest state of the Parquet files, by the very query that docs/guides/parquet-and-duckdb.md gives its readers,
 * and compares it with the tables of the DuckDB sink, which `millrace verify` compares with the source.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'

const GUIDE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'guides', 'parquet-and-duckdb.md')

type ShopTable = { name: string; key: string; columns: string }

const TABLES: readonly ShopTable[] = [
  { name: 'customers', key: 'id', columns: '*' },
  { name: 'order_items', key: 'order_id, line', columns: '*' },
  // What was copied before the column was added does not have it: its readers give such rows the default, as Postgres did.
  { name: 'orders', key: 'id', columns: '* REPLACE (coalesce(points, 7) AS points)' },
  { name: 'payments', key: 'id', columns: '*' },
  { name: 'products', key: 'sku', columns: '*' },
]

export type Queried = { files: number; rows: number; differing: number }

/** `differing` counts rows that only the files or only the tables have: one that is unlike counts twice. */
export async function queryLake(lake: string, database: string): Promise<Queried> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const total: Queried = { files: 0, rows: 0, differing: 0 }
  try {
    await connection.run(`ATTACH ${quoted(database)} AS shop (READ_ONLY)`)
    for (const table of TABLES) {
      const { files, rows, differing } = await queryTable(connection, lake, table)
      total.files += files
      total.rows += rows
      total.differing += differing
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return total
}

async function queryTable(connection: DuckDBConnection, lake: string, table: ShopTable): Promise<Queried> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE latest AS SELECT ${table.columns} FROM (${latestState(lake, table)})`)
  const kept = `shop.public.${table.name}`
  const result = await connection.runAndReadAll(`SELECT
    (SELECT count(*) FROM glob(${quoted(`${lake}/public.${table.name}/*/*.parquet`)})),
    (SELECT count(*) FROM latest),
    (SELECT count(*) FROM (FROM latest EXCEPT ALL FROM ${kept})) + (SELECT count(*) FROM (FROM ${kept} EXCEPT ALL FROM latest))`)
  const [files = NaN, rows = NaN, differing = NaN] = result.getRows()[0]?.map(Number) ?? []
  return { files, rows, differing }
}

/** The guide's query, of this table. */
function latestState(lake: string, { name, key }: ShopTable): string {
  const query = /^```sql latest\n([\s\S]*?);\n```/m.exec(readFileSync(GUIDE, 'utf8'))?.[1]
  if (query === undefined) throw new Error(`${GUIDE} has no query of the latest state`)
  const folder = `${lake}/public.${name}`.replaceAll("'", "''")
  return query.replaceAll("'lake/public.orders", `'${folder}`).replace('PARTITION BY id', `PARTITION BY ${key}`)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
