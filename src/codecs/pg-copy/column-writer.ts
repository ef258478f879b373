import type { Vector } from '../../contracts/batch.ts'

/**
 * Rows in the making: some hundred at a time, so that their bytes stay in the cache while column after column reads
 * them. `positions[row * stride + column]` is where a field's length stands.
 */
export type Block = {
  buf: Buffer
  view: DataView
  positions: Int32Array
  stride: number
  /** The number, among all rows, of the block's first. */
  first: number
  count: number
}

/**
 * Writes one column. `append` is a function of the module, not a closure: the engine compiles it once for all columns
 * and chunks. `finish` returns null where a value does not fit the form: the column becomes canonical values.
 */
export type ColumnWriter<State> = {
  create(rowCount: number): State
  append(state: State, block: Block, column: number): void
  finish(state: State): Vector | null
}

/** Which rows are present: bit 1, least significant first. */
export type Validity = { bits: Uint8Array; nulls: number }

export function createValidity(rowCount: number): Validity {
  return { bits: new Uint8Array((rowCount + 7) >> 3).fill(255), nulls: 0 }
}

export function markNull(validity: Validity, row: number): void {
  validity.nulls++
  validity.bits[row >> 3] = (validity.bits[row >> 3] as number) & ~(1 << (row & 7))
}

export function finishValidity(validity: Validity): Uint8Array | null {
  return validity.nulls === 0 ? null : validity.bits
}
