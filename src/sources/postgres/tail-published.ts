import { tableName } from '../../contracts/table.ts'
import type { CatalogueTable } from './catalogue.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { queryAll } from './query.ts'

/** A publication of this database, as a look may use it. */
export type Published = {
  name: string
  operations: ReadonlySet<string>
  viaRoot: boolean
  publishesGenerated: boolean
  /** Whether it sends every row and column of its tables. */
  isWhole: boolean
  /** Made for another look: it goes when that one ends. */
  isTail: boolean
  /** `schema.table`, as it sends them: partitions stand for themselves where it does not publish through their root. */
  tables: ReadonlySet<string>
}

export async function readPublished(connection: Connection): Promise<readonly Published[]> {
  const version = serverVersionOf(connection)
  const generated = version >= 180_000 ? 'p.pubgencols::text' : "'n'"
  const partly = version >= 150_000 ? 'r.prqual IS NOT NULL OR r.prattrs IS NOT NULL' : 'false'
  const [publications = [], tables = []] = await queryAll(
    connection,
    `SELECT p.pubname::text, p.pubinsert::text, p.pubupdate::text, p.pubdelete::text, p.pubtruncate::text, p.pubviaroot::text, ${generated},
       EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND (${partly}))::text,
       (coalesce(obj_description(p.oid, 'pg_publication'), '') LIKE 'millrace:tail:%')::text
     FROM pg_publication p;
     SELECT pubname::text, schemaname::text, tablename::text FROM pg_publication_tables`,
  )
  return publications.map(([name, insert, update, remove, truncate, viaRoot, gencols, isPart, isTail]) => ({
    name: name ?? '',
    operations: new Set(
      Object.entries({ insert, update, delete: remove, truncate }).flatMap(([each, does]) => (does === 'true' ? [each] : [])),
    ),
    viaRoot: viaRoot === 'true',
    publishesGenerated: gencols === 's',
    isWhole: isPart !== 'true',
    isTail: isTail === 'true',
    tables: new Set(tables.filter(([publication]) => publication === name).map(([, schema, table]) => `${schema}.${table}`)),
  }))
}

/** A partitioned table is sent as itself, or as all of its partitions. */
export function coversTable(one: Published, { table, partitioned, leaves }: CatalogueTable): boolean {
  if (one.tables.has(tableName(table))) return true
  return partitioned && leaves.length > 0 && leaves.every((leaf) => one.tables.has(leaf.label))
}
