import type { Vector } from '../../contracts/batch.ts'

/**
 * Which ranges of an integer key a table got since it was empty: a chunk outside all of them can hold no key that the
 * table holds, and is appended without a delete. A table planned anew within its generation delivers rows again: those
 * overlap. Keys of other types are never known to be new.
 */
export type KeyRanges = {
  /** Takes the chunk's range; false where it may hold a known key. */
  claim(keys: Vector | undefined, count: number): boolean
}

type Range = { min: number | bigint; max: number | bigint }

export function createKeyRanges(): KeyRanges {
  const ranges: Range[] = []
  return {
    claim(keys, count) {
      const range = keys ? rangeOf(keys, count) : null
      if (range === null) return false
      const isNew = ranges.every(({ min, max }) => range.max < min || range.min > max)
      ranges.push(range)
      return isNew
    },
  }
}

function rangeOf(keys: Vector, count: number): Range | null {
  if (keys.form === 'fixed') return keys.values instanceof Uint8Array ? null : extremes(keys.values, count)
  return keys.form === 'values' ? extremes(keys.values, count) : null
}

function extremes(values: ArrayLike<unknown>, count: number): Range | null {
  let min: number | bigint = Infinity
  let max: number | bigint = -Infinity
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (typeof value !== 'number' && typeof value !== 'bigint') return null
    if (Number.isNaN(value)) return null
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}
