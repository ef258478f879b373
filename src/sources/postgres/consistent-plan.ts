import type { RefusedTable, SnapshotChunk, SnapshotTable } from '../../contracts/archive.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import type { CatalogueTable, Leaf } from './catalogue.ts'
import type { Readable } from './consistent-rows.ts'
import { copyQuerySql, countQuerySql, type QueriedTable } from './consistent-query.ts'
import type { Connection } from './connection.ts'
import { cutBlocks } from './plan-chunks.ts'
import { queryRows } from './query.ts'
import { blocksCondition, copySql } from './select-rows.ts'

/** What this folder keeps of a table in a snapshot, and of a chunk: the statements that read them. */
export type TablePlan = Readable & { countSql: string; isQuery: boolean }
export type ChunkPlan = { copySql: string }

/**
 * Tables cut into block ranges, leaf by leaf. Asked for after the snapshot: a table has grown since at most by rows that the
 * snapshot does not see, so the ranges hold all that it does. Leaf by leaf also when counting: a partition that is attached
 * meanwhile would be counted through the root.
 */
export async function planTables(
  connection: Connection,
  tables: readonly CatalogueTable[],
  chunkBytes: number,
): Promise<{ tables: readonly SnapshotTable[]; refused: readonly RefusedTable[] }> {
  const sizes = await measure(
    connection,
    tables.flatMap((table) => table.leaves.map((leaf) => leaf.id)),
  )
  const refused = tables.flatMap(({ table, leaves }) => {
    const leaf = leaves.find(({ id }) => sizes.get(id)?.isReadable === false)
    return leaf ? [{ schema: table.schema, name: table.name, error: forbidden(connection, leaf) }] : []
  })
  const out = new Set(refused.map(tableName))
  const planned = tables
    .filter(({ table }) => !out.has(tableName(table)))
    .map((table) => {
      const chunks = table.leaves.flatMap((leaf) => {
        const size = sizes.get(leaf.id)
        if (!size || size.blocks === 0) return []
        return cutBlocks(size, chunkBytes).map(({ from, to }, index, { length }): SnapshotChunk => {
          // The last range is open: whatever the size was, nothing lies past it.
          const condition = index === length - 1 ? `ctid >= '(${from},0)'::pg_catalog.tid` : blocksCondition({ from, to })
          return {
            what: { copySql: copySql(table, leaf.name, condition) } satisfies ChunkPlan,
            rowEstimate: Math.round((size.rows * (to - from)) / size.blocks),
          }
        })
      })
      const counts = table.leaves.map(
        (leaf) => `(SELECT count(*) FROM ONLY ${leaf.name}${table.rowFilter ? ` WHERE (${table.rowFilter})` : ''})`,
      )
      const countSql = `SELECT (${counts.join(' + ') || '0'})::text`
      return {
        table: table.table,
        chunks,
        what: { table: table.table, asText: table.asText, countSql, isQuery: false } satisfies TablePlan,
      }
    })
  return { tables: planned, refused }
}

/** The right to read a partitioned table is none to read its partitions, which is how it is read in parallel. */
function forbidden(connection: Connection, { label, name }: Leaf): MillraceError {
  const role = connection.user ?? 'the role'
  return new MillraceError('RIGHT_TABLE', { role, table: label, grant: `GRANT SELECT ON ${name} TO ${quoteIdentifier(role)}` })
}

/** A query is read on one connection, whole. */
export function planQuery({ sql }: QueriedTable, readable: Readable): SnapshotTable {
  const what: TablePlan = { ...readable, countSql: countQuerySql(sql), isQuery: true }
  return { table: readable.table, chunks: [{ what: { copySql: copyQuerySql(sql, readable) } satisfies ChunkPlan, rowEstimate: 0 }], what }
}

type Size = { blocks: number; bytes: number; rows: number; isReadable: boolean }

async function measure(connection: Connection, ids: readonly number[]): Promise<ReadonlyMap<number, Size>> {
  if (ids.length === 0) return new Map()
  const rows = await queryRows(
    connection,
    `SELECT oid::text, (pg_relation_size(oid) / current_setting('block_size')::int8)::text, pg_table_size(oid)::text, reltuples::text,
       has_table_privilege(oid, 'SELECT')::text
     FROM pg_catalog.pg_class WHERE oid IN (${ids.join(', ')})`,
  )
  return new Map(
    rows.map(([id, blocks, bytes, tuples, isReadable]) => {
      // Never analysed: a guess of 100 bytes a row, for progress alone.
      const estimate = Number(tuples) > 0 ? Number(tuples) : Math.round(Number(bytes) / 100)
      return [Number(id), { blocks: Number(blocks), bytes: Number(bytes), rows: estimate, isReadable: isReadable === 'true' }]
    }),
  )
}
