import type { Columns } from './batch.ts'
import type { Row, Value } from './table.ts'

/**
 * A whole row in the bytes it came in: decoded only where and as far as somebody asks, because most sinks write bytes again.
 * It never changes, and keeps the bytes it lies in alive. A row with values that were not sent has no image.
 *
 * What it says is what the decoded row says: `value(i)` equals `row()[i]`, and `write` writes `value(i)` as text.
 */
export interface RowImage {
  readonly reader: ImageReader
  /** Its size on the wire, in bytes. `write` never writes more than the value had, and 8. */
  readonly bytes: number
  isNull(column: number): boolean
  value(column: number): Value
  /** All values; a new array each time. */
  row(): Row
  /**
   * Writes the canonical text of a value (docs/specs/values.md; booleans as `true` and `false`, numbers in decimal digits) as UTF-8
   * at `at` and returns where it ends. −1 where that is not cheaper than taking the value, and where the value is null: nothing
   * that counts was written then.
   */
  write(column: number, out: Uint8Array, at: number): number
}

/** Shared by all images of one table version. */
export interface ImageReader {
  /** The rows as columns; vectors align with the table's columns, or with the ones asked for. */
  columns(images: readonly RowImage[], wanted?: readonly number[]): Columns
}
