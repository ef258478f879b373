import type { RowsBatch } from '../contracts/batch.ts'
import type { Position } from '../contracts/position.ts'
import type { ChunkRows } from '../contracts/source.ts'

/** Where a batch stands: filled in when it goes out. */
export type Place = { log: string; end: Position; carry: string }

/** The rows of a chunk as a batch; still decoded on demand. */
export function rowsBatch(rows: ChunkRows, at: Place & Pick<RowsBatch, 'chunk' | 'last' | 'audience'>): RowsBatch {
  const { table, rowCount, bytes } = rows
  return { kind: 'rows', ...at, table, rowCount, bytes, rows: () => rows.rows(), columns: () => rows.columns() }
}
