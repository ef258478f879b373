import type { Columns } from '../../src/contracts/batch.ts'
import type { ChunkRows } from '../../src/contracts/source.ts'
import type { Row, Table } from '../../src/contracts/table.ts'
import { createKeyOf } from '../../src/values/create-key-of.ts'

/** Rows in memory as a source would hand them over. `keysAsked` counts how often a key was computed. */
export function chunkRows(table: Table, rows: readonly Row[], count = { keysAsked: 0 }): ChunkRows {
  const keyOf = createKeyOf(table)
  return {
    table,
    rowCount: rows.length,
    bytes: rows.length * 10,
    rows: () => rows,
    columns: (): Columns => ({ rowCount: rows.length, vectors: [] }),
    key(index) {
      count.keysAsked++
      // The caller counts to rowCount.
      return keyOf(rows[index]!)
    },
    filter: (keep) =>
      chunkRows(
        table,
        rows.filter((_, index) => keep[index] === 1),
        count,
      ),
  }
}
