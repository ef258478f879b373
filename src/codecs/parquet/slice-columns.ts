import type { PreparedColumns, PreparedVector, StoredVector } from './stored-vector.ts'

/** A slice is encoded as one: so much memory, or so many rows, at most, but for a row that is larger by itself. */
const SLICE_BYTES = 4 * 1024 * 1024
const SLICE_ROWS = 32_768

/** Rows in pieces of a sane size, by views on the same memory. Columns with lists are one piece: their rows have no places. */
export function* slicesOf(columns: PreparedColumns): Generator<PreparedColumns> {
  const { rowCount, vectors } = columns
  const step = rowsOfSlice(columns)
  if (rowCount <= step || vectors.some((vector) => vector.form === 'list')) {
    if (rowCount > 0) yield columns
    return
  }
  for (let start = 0; start < rowCount; start += step) {
    const end = Math.min(rowCount, start + step)
    // The cast: none is a list.
    yield { rowCount: end - start, vectors: vectors.map((vector) => slice(vector as StoredVector, start, end)) }
  }
}

/** A multiple of 8: bitmaps are cut between bytes. */
function rowsOfSlice({ rowCount, vectors }: PreparedColumns): number {
  const bytes = vectors.reduce((sum, vector) => sum + bytesOf(vector), 0)
  const rows = Math.min(SLICE_ROWS, Math.floor((SLICE_BYTES * rowCount) / Math.max(1, bytes)))
  return Math.max(8, rows & ~7)
}

export function bytesOf(vector: PreparedVector): number {
  switch (vector.form) {
    case 'fixed':
      return vector.values.byteLength
    case 'uuid':
      return vector.data.byteLength
    case 'varlen':
      return vector.offsets.byteLength + vector.data.byteLength
    case 'list':
      return vector.definition.byteLength * 2 + bytesOf(vector.items)
  }
}

function slice(vector: StoredVector, start: number, end: number): StoredVector {
  const valid = vector.valid === null ? null : vector.valid.subarray(start >> 3, (end + 7) >> 3)
  switch (vector.form) {
    case 'fixed':
      return { ...vector, values: vector.values.subarray(start, end), valid }
    case 'uuid':
      return { ...vector, data: vector.data.subarray(start * 16, end * 16), valid }
    case 'varlen':
      return { ...vector, offsets: vector.offsets.subarray(start, end + 1), valid }
  }
}
