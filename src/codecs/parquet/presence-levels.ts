import type { GrowingBytes } from './growing-bytes.ts'
import { appendPresence, clearPresence, createPresence, writePresence } from './levels.ts'
import { appendVector, type PageValues } from './page-values.ts'
import type { PreparedVector, StoredVector } from './stored-vector.ts'

/** What tells a page's NULLs, and in lists its rows, apart. */
export type Levels = {
  /** Adds a vector's rows here, and its values to `values`. */
  append(vector: PreparedVector, rowCount: number, values: PageValues): void
  count(): number
  write(out: GrowingBytes): void
  clear(): void
}

/** `isRequired`: nothing is NULL, and nothing is written. */
export function createPresenceLevels(isRequired: boolean): Levels {
  const presence = createPresence()
  return {
    append(vector, rowCount, values) {
      // The cast: lists are in fields of repetition `list`, and nowhere else.
      const stored = vector as StoredVector
      appendVector(values, stored, rowCount, appendPresence(presence, stored.valid, rowCount))
    },
    count: () => presence.count,
    write: (out) => (isRequired ? undefined : writePresence(presence, out)),
    clear: () => clearPresence(presence),
  }
}
