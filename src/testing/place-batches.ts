import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import { positionAt, transactionAt } from './fixtures.ts'

/** The batches as one log: each ends further than the one before; those that end inside a transaction share it with the next. */
export function placed(batches: readonly Batch[]): Batch[] {
  let open: { index: number; ordinal: number } | null = null
  return batches.map((batch, at) => {
    if (batch.kind !== 'changes') return { ...batch, end: positionAt(at + 1) }
    const { index, ordinal }: { index: number; ordinal: number } = open ?? { index: at, ordinal: 0 }
    const next = ordinal + batch.changes.length
    open = batch.betweenTransactions ? null : { index, ordinal: next }
    const end = batch.betweenTransactions ? positionAt(at + 1) : `${positionAt(index)}:${ordinalText(next - 1)}`
    return { ...batch, end, changes: changesAt(batch, index, ordinal) }
  })
}

function changesAt({ changes }: ChangesBatch, index: number, first: number): ChangesBatch['changes'] {
  const tx = transactionAt(index)
  return changes.map((change, nth) => {
    const ordinal = first + nth
    return change.op === 'message' ? { ...change, ordinal, tx, position: tx.position } : { ...change, ordinal, tx }
  })
}

/** See Position: inside a transaction. */
function ordinalText(ordinal: number): string {
  return ordinal.toString(16).toUpperCase().padStart(12, '0')
}

/** Whoever sorts or changes what it was given, which others are given too, is found out. */
export function frozen(batch: Batch): Batch {
  if (batch.kind === 'rows') for (const row of batch.rows()) Object.freeze(row)
  if (batch.kind !== 'changes') return batch
  for (const change of batch.changes) {
    if (change.op === 'update' || change.op === 'delete') Object.freeze(change.before)
    if (change.op === 'update') Object.freeze(change.oldKey)
    if (change.op === 'insert' || change.op === 'update') Object.freeze(change.after)
    Object.freeze(change)
  }
  return { ...batch, changes: Object.freeze([...batch.changes]) }
}
