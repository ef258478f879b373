import { appendBytes, clear, createGrowingBytes, type GrowingBytes } from './growing-bytes.ts'
import { countNulls, writeLevels } from './levels.ts'
import { appendVector, type PageValues } from './page-values.ts'
import type { ListVector, PreparedVector } from './stored-vector.ts'
import type { Levels } from './presence-levels.ts'

/** Definition levels take two bits, repetition levels one: see ListVector. */
export function createListLevels(): Levels {
  const definition = createGrowingBytes()
  const repetition = createGrowingBytes()
  return {
    append(vector: PreparedVector, _rowCount, values: PageValues) {
      // The cast: lists alone are in fields of repetition `list`.
      const list = vector as ListVector
      appendBytes(definition, list.definition)
      appendBytes(repetition, list.repetition)
      const nulls = list.items.valid === null ? 0 : countNulls(list.items.valid, list.itemCount)
      appendVector(values, list.items, list.itemCount, nulls)
    },
    count: () => definition.length,
    write(out: GrowingBytes) {
      writeLevels(repetition.u8, repetition.length, 1, out)
      writeLevels(definition.u8, definition.length, 2, out)
    },
    clear() {
      clear(definition)
      clear(repetition)
    },
  }
}
