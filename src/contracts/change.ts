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
}

/**
 * One change of one row. `ordinal` counts the changes inside the transaction from 0, before any filter, so that
 * (tx.position, ordinal) is the same on every replay and unique. Rows align with `table.columns`.
 *
 * - update: `before` is what the log sent of the old row (null where it sent nothing); columns it did not send are
 *   UNCHANGED. `oldKey` is a row in which the key columns hold the old key, only where the key changed, else null.
 * - delete: `before` holds at least the key; columns not sent are UNCHANGED.
 *
 * `image` is `after` in the bytes it came in, where the source has it; `after` is then decoded when it is first asked for. It may be
 * read through an accessor: name it where a change is copied member by member.
 */
export type Change = RowChange | TruncateChange | MessageChange

export type RowChange =
  | { op: 'insert'; table: Table; before: null; oldKey: null; after: Row; image?: RowImage; ordinal: number; tx: Transaction }
  | { op: 'update'; table: Table; before: Row | null; oldKey: Row | null; after: Row; image?: RowImage; ordinal: number; tx: Transaction }
  | { op: 'delete'; table: Table; before: Row; oldKey: null; after: null; ordinal: number; tx: Transaction }

export type TruncateChange = {
  op: 'truncate'
  table: Table
  cascade: boolean
  restartIdentity: boolean
  ordinal: number
  tx: Transaction
}

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
}
