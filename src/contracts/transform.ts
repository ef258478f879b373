import type { Change, RowChange, TruncateChange } from './change.ts'
import type { ReadPlace } from './format.ts'
import type { Row, Table, Value } from './table.ts'

/** One step between source and sinks, synchronous. Made once per pipeline; the order of transforms is the order they are written in. */
export interface Transform {
  /** Told once per table version, as the table arrives here: what becomes of it. Null: it passes as it is. Throws errors of the table. */
  table(table: Table): TableStep | null
  /** Before anything moves: the source's tables as they arrive here. Throws where what it names is not there. */
  check?(tables: readonly Table[]): void
  /** It may make several changes of one. */
  readonly splits?: boolean
}

/**
 * What a transform does with one table version.
 *
 * - `moves`, aligned with the columns of `to`: the column of the table that arrives which it holds as it is; null where its values are made.
 * - `rows`: the rows of a snapshot, whole ones, in order. It may leave rows out only where `selects` says so.
 * - `change`: what becomes of a change; null drops it. Of several, the core makes each unique by its ordinal.
 * - `selects`: rows may be left out, so an update may be of a row that a sink does not hold. The core reads rows again that came with holes.
 */
export type TableStep = {
  to: Table
  moves: readonly (number | null)[]
  selects: boolean
  rows(rows: readonly Row[], at: ReadPlace): readonly Row[]
  change(change: RowChange | TruncateChange): Change | null | readonly Change[]
}

/** A row by column name, in canonical values (docs/specs/values.md). Columns that the source did not send are not in it. */
export type ScriptRow = Record<string, Value>

/**
 * A change as a script gets it and returns it; `read` is a row that was there before. A script may alter it, or make others of the same table.
 *
 * - `after` of an update lacks the columns named in `unchanged`: large values that stayed as they were and were not sent.
 * - `before` holds what the log sent: with the default identity the key of a delete, and null for an update.
 * - `oldKey`: the key before an update that changed it, else null. Whoever alters key columns does it here, in `before` and in `after` alike.
 * - `key` is for reading: it follows from the rows.
 */
export type ScriptChange = {
  op: 'read' | 'insert' | 'update' | 'delete' | 'truncate'
  /** `schema.table` */
  table: string
  readonly key: Readonly<ScriptRow> | null
  oldKey: ScriptRow | null
  before: ScriptRow | null
  after: ScriptRow | null
  unchanged: readonly string[]
  position: string
  /** Null of a `read`. */
  ordinal: number | null
  xid: number | null
  /** ISO-8601 in UTC, to the microsecond. */
  commitTime: string | null
}

/** What the module of a script exports as its default. */
export type Script = (change: ScriptChange) => ScriptChange | null | readonly ScriptChange[]
