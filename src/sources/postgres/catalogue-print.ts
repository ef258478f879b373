import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'

/**
 * A number that changes when any table is made, dropped, altered or gets another file (`relfilenode`), or an enum gets
 * another label. Temporary tables are left out: nothing of them is in the log.
 */
export async function printCatalogue(connection: Connection): Promise<string> {
  const [row] = await queryRows(
    connection,
    `SELECT concat_ws('/',
       (SELECT bit_xor(hashtextextended(concat_ws(':', oid, relfilenode, xmin), 0)) FROM pg_catalog.pg_class
        WHERE relkind IN ('r', 'p', 'm', 't') AND relpersistence <> 't'),
       (SELECT bit_xor(hashtextextended(concat_ws(':', oid, xmin), 0)) FROM pg_catalog.pg_enum))`,
  )
  return row?.[0] ?? ''
}
