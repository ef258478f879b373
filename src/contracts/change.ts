import type { Position, TransactionId } from './position.ts'
import type { RowImage } from './row-image.ts'
import type { Row, Table } from './table.ts'

/** What the changes of one transaction share: one object per transaction, never copied. */
export type Transaction = {
  /** Its commit position: 16 hexadecimal digits (Postgres: the final LSN of Begin). */
  position: Position
  xid: TransactionId
  /** Microseconds since 1970-01-01 UTC. */
  commitTimeUs: number
  /** Where it lies in the log, where the source knows more than its position. */
  log?: TransactionLog
}

/**
 * Bytes of the log (Postgres: LSNs, as numbers), for formats that tell them. `first`: where it began. `previous`: the end of the commit
 * record that was read before, which everything of this transaction is committed after. `end`: the end of its own commit record, null
 * until that is read: what a batch holds after `betweenTransactions` has it. `origin`: where it was committed first, if it was replicated from
 * another server, and where its commit lies in the log there.
 */
export type TransactionLog = { first: number; previous: number; end: number | null; origin?: { name: string; lsn: number } }

/**
 * One change of one row. `ordinal` counts the changes inside the transaction from 0, before any filter, so that
 * (tx.position, ordinal) is the same on every replay and unique. Rows align with `table.columns`.
 *
 * - update: `before` is what the log sent of the old row (null where it sent nothing); columns it did not send are
 *   UNCHANGED. `oldKey` is a row in which the key columns hold the old key, only where the key changed, else null.
 * - delete: `before` holds at least the key; columns not sent are UNCHANGED.
 * - `mayBeNew`: a filter stands before the sinks, and the old row is not known to have passed it. A sink that does not hold the row takes
 *   what was sent; the values that were not come with the row, which is read again.
 *
 * `image` is `after` in the bytes it came in, where the source has it; `after` is then decoded when it is first asked for. It may be
 * read through an accessor: name it where a change is copied member by member.
 */
export type Change = RowChange | TruncateChange | MessageChange

export type RowChange =
  | ({ op: 'insert'; table: Table; before: null; oldKey: null; after: Row; image?: RowImage } & Placed)
  | ({ op: 'update'; table: Table; before: Row | null; oldKey: Row | null; after: Row; image?: RowImage; mayBeNew?: true } & Placed)
  | ({ op: 'delete'; table: Table; before: Row; oldKey: null; after: null } & Placed)

/** `lsn`: the byte of the log where the change itself lies, where the source knows it. Changes written as one share it. */
type Placed = { ordinal: number; tx: Transaction; lsn?: number }

export type TruncateChange = {
  op: 'truncate'
  table: Table
  cascade: boolean
  restartIdentity: boolean
} & Placed

/** A logical message written into the log. `tx` is null for one outside a transaction; `position` is then its own. */
export type MessageChange = {
  op: 'message'
  table: null
  prefix: string
  content: Uint8Array
  transactional: boolean
  position: Position
  ordinal: number
  tx: Transaction | null
  lsn?: number
}
