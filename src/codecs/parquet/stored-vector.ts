import type { Vector } from '../../contracts/batch.ts'

/** A column on its way into pages: a vector with memory of its own, or a list. What canonical values become before they are encoded. */
export type StoredVector = Exclude<Vector, { form: 'values' }>

/**
 * Lists in Dremel's form (LogicalTypes.md, "Lists"): for each item, or for a list without any, how far it is defined
 * (0 no list, 1 no item, 2 item NULL, 3 item) and whether it goes on the row before (1). `items`: those of level 3.
 */
export type ListVector = {
  form: 'list'
  definition: Uint8Array
  repetition: Uint8Array
  items: StoredVector
  itemCount: number
}

export type PreparedVector = StoredVector | ListVector

/** `vectors` align with the schema's fields. */
export type PreparedColumns = { rowCount: number; vectors: readonly PreparedVector[] }

/** Whether row `index` holds a value. */
export function isPresent(valid: Uint8Array | null, index: number): boolean {
  return valid === null || (((valid[index >> 3] as number) >> (index & 7)) & 1) === 1
}
