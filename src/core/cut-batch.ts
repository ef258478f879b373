import type { Batch, ChangesBatch, Columns, RowsBatch } from '../contracts/batch.ts'
import type { Position } from '../contracts/position.ts'
import type { Row } from '../contracts/table.ts'

/** A batch as two: the changes before `first`, null where there are none, and the rest. The first part ends inside the transaction, at its last change. */
export function cutChanges(batch: ChangesBatch, first: number): readonly [ChangesBatch | null, ChangesBatch] {
  // The wire bytes are those of the whole.
  const { raw: _, ...rest } = batch
  const last = batch.changes[first - 1]
  const changes = batch.changes.slice(0, first)
  if (last === undefined) return [null, batch]
  return [
    { ...rest, changes, end: positionOf(last, batch.end), betweenTransactions: false },
    { ...rest, changes: batch.changes.slice(first) },
  ]
}

/** Of changes or rows. */
export function countOf(batch: Batch): number {
  return batch.kind === 'changes' ? batch.changes.length : batch.kind === 'rows' ? batch.rowCount : 0
}

/** In pieces of at most so many changes or rows, in order. */
export function piecesOf(batch: Batch, size: number): Iterable<Batch> {
  if (batch.kind === 'changes') return piecesOfChanges(batch, size)
  return batch.kind === 'rows' ? piecesOfRows(batch, size) : [batch]
}

/** The changes in pieces of at most `size`, in order; the last piece ends where the batch does. */
function* piecesOfChanges(batch: ChangesBatch, size: number): Generator<ChangesBatch> {
  let rest = batch
  while (rest.changes.length > size) {
    const [piece, left] = cutChanges(rest, size)
    if (piece) yield piece
    rest = left
  }
  yield rest
}

/** The rows in pieces of at most `size`; only the last finishes the chunk, and only where the batch does. */
function* piecesOfRows(batch: RowsBatch, size: number): Generator<RowsBatch> {
  const rows = batch.rows()
  for (let at = 0; at < rows.length || at === 0; at += size)
    yield withRows(batch, rows.slice(at, at + size), { last: batch.last && at + size >= rows.length })
}

/** The same batch with other rows. */
export function withRows(batch: RowsBatch, rows: readonly Row[], { last = batch.last } = {}): RowsBatch {
  const { kind, log, end, carry, audience, table, chunk } = batch
  const share = batch.rowCount === 0 ? 0 : rows.length / batch.rowCount
  const columns = (): Columns => ({
    rowCount: rows.length,
    // A row of a snapshot holds every value.
    vectors: table.columns.map((_, column) => ({ form: 'values', values: rows.map((row) => row[column] ?? null) })),
  })
  return {
    kind,
    log,
    end,
    carry,
    audience,
    table,
    chunk,
    last,
    rowCount: rows.length,
    bytes: Math.ceil(batch.bytes * share),
    rows: () => rows,
    columns,
  }
}

/** What settles this change and none after it; see position.ts. */
function positionOf(change: ChangesBatch['changes'][number], end: Position): Position {
  const log = change.tx?.position ?? (change.op === 'message' ? change.position : end)
  return `${log}:${change.ordinal.toString(16).toUpperCase().padStart(12, '0')}`
}
