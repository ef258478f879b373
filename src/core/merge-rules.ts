import type { TransactionId } from '../contracts/position.ts'
import type { Visibility } from '../contracts/source.ts'

/**
 * The decisions that make a copy exact (docs/specs/snapshots.md), each a pure function. There is one right set of them, `MERGE_RULES`;
 * they are apart so that the model test can show that each is needed, by taking it away.
 */
export type MergeRules = {
  /** Whether a delivered change is newer than what a chunk shows: its row is dropped. */
  isHidden(xid: TransactionId, chunk: Visibility): boolean
  /** Whether a delivered key is remembered, by the number of chunks under way. */
  remembers(chunksUnderWay: number): boolean
  /** Whether the old key of an update is remembered beside the new one. */
  remembersOldKeys: boolean
  /** Whether a remembered change can be forgotten: no chunk under way, and none that starts later, can fail to see it. */
  forgets(xid: TransactionId, known: Visibility | null, underWay: readonly UnderWay[]): boolean
  /** Whether keys still incomplete after this many rounds are read once more. */
  rereads(roundsDone: number): boolean
}

/** A chunk being read: its visibility, or until that is known the newest one known when it was registered. */
export type UnderWay = { visibility: Visibility | null; base: Visibility | null }

export const MERGE_RULES: MergeRules = {
  isHidden: (xid, chunk) => !chunk.sees(xid),
  // From the start of the stream, not of the oldest chunk: a transaction is delivered before it becomes visible,
  // so a chunk that starts after its delivery can still show the rows from before it.
  remembers: () => true,
  // A row read at its old key was moved away or deleted by the change that names that key.
  remembersOldKeys: true,
  // `known` stands for every chunk yet to come: its snapshot is taken after, and what was visible stays visible.
  forgets: (xid, known, underWay) => sees(known, xid) && underWay.every((chunk) => sees(chunk.visibility ?? chunk.base, xid)),
  // A newer change with the same hole can win against each reading: until none is left.
  rereads: () => true,
}

function sees(visibility: Visibility | null, xid: TransactionId): boolean {
  return visibility !== null && visibility.sees(xid)
}
