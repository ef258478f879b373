import type { Columns, RowsBatch, Vector } from '../contracts/batch.ts'
import type { Row } from '../contracts/table.ts'
import type { Chain } from './transform-chain.ts'

/**
 * A chunk's rows through the transforms. Rows are made when they are asked for, and not at all where a sink takes columns and the
 * transforms only move those; but where rows may be left out at once, for the count of those that stay belongs to the batch.
 * A batch of which nothing is left still goes out: its chunk is done with it.
 */
export function transformRows(batch: RowsBatch, chain: Chain): RowsBatch {
  const { to, rows: through } = chain
  if (through === null) return batch
  let made: readonly Row[] | null = null
  const rows = () => (made ??= through(batch.rows(), { position: batch.end, chunk: batch.chunk }))
  const rowCount = chain.selects ? rows().length : batch.rowCount
  const { kind, log, end, carry, audience, chunk, last, bytes } = batch
  let columns: Columns | null = null
  return {
    ...{ kind, log, end, carry, audience, chunk, last, bytes, table: to, rowCount, rows },
    columns: () => (columns ??= { rowCount, vectors: vectorsOf(batch, chain, { rowCount, rows }) }),
  }
}

/** A column that only moved is the vector that it was, where all rows are there; other columns are made of rows. */
function vectorsOf(batch: RowsBatch, chain: Chain, made: Pick<RowsBatch, 'rowCount' | 'rows'>): Vector[] {
  const areAll = made.rowCount === batch.rowCount
  const whole = areAll && chain.moves.some((source) => source !== null) ? batch.columns() : null
  return chain.moves.map((source, column) => {
    const vector = source === null ? undefined : whole?.vectors[source]
    return vector ?? { form: 'values', values: made.rows().map((row) => row[column] ?? null) }
  })
}
