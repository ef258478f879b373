import { appendBytes, clear, createGrowingBytes, reserve, type GrowingBytes } from './growing-bytes.ts'
import type { Leaf } from './schema.ts'
import type { StoredVector } from './stored-vector.ts'

/**
 * The values of a page in the making, NULLs left out. `bytes`: values of a fixed width one after another (booleans a
 * byte each); else those of varying length without their lengths, which are in `lengths`.
 */
export type PageValues = { width: Leaf['width']; count: number; bytes: GrowingBytes; lengths: GrowingBytes }

export function createPageValues(leaf: Leaf): PageValues {
  return { width: leaf.width, count: 0, bytes: createGrowingBytes(), lengths: createGrowingBytes(leaf.width === 0 ? 1024 : 16) }
}

export function clearPageValues(values: PageValues): void {
  values.count = 0
  clear(values.bytes)
  clear(values.lengths)
}

/** Adds a vector's `count` rows, of which `nulls` are NULL. */
export function appendVector(to: PageValues, vector: StoredVector, count: number, nulls: number): void {
  const valid = nulls === 0 ? null : vector.valid
  if (nulls === count) return
  if (vector.form === 'varlen') appendVarlen(to, vector, count, valid)
  else if (vector.form === 'uuid') appendFixed(to, vector.data, count, valid)
  else if (vector.values instanceof Int16Array) appendWidened(to, vector.values, count, valid)
  else appendFixed(to, new Uint8Array(vector.values.buffer, vector.values.byteOffset, vector.values.byteLength), count, valid)
  to.count += count - nulls
}

/** Where all are present, one copy of memory. Values lie in little endian, as Parquet wants them. */
function appendFixed(to: PageValues, from: Uint8Array, count: number, valid: Uint8Array | null): void {
  const { bytes, width } = to
  if (valid === null) return appendBytes(bytes, from.subarray(0, count * width))
  reserve(bytes, count * width)
  if (width === 1) appendPresentBytes(bytes, from, count, valid)
  else appendPresentWords(bytes, from, count, { valid, words: width >> 2 })
}

function appendPresentBytes(to: GrowingBytes, from: Uint8Array, count: number, valid: Uint8Array): void {
  const { u8 } = to
  let at = to.length
  for (let i = 0; i < count; i++) {
    u8[at] = from[i] as number
    at += ((valid[i >> 3] as number) >> (i & 7)) & 1
  }
  to.length = at
}

/** Each value is written; an absent one is written over by the next. */
function appendPresentWords(to: GrowingBytes, from: Uint8Array, count: number, of: { valid: Uint8Array; words: number }): void {
  const { i32 } = to
  const { valid, words } = of
  const aligned = (from.byteOffset & 3) === 0 ? from : Uint8Array.from(from)
  const source = new Int32Array(aligned.buffer, aligned.byteOffset, count * words)
  let at = to.length >> 2
  for (let i = 0; i < count; i++) {
    for (let word = 0; word < words; word++) i32[at + word] = source[i * words + word] as number
    if (((valid[i >> 3] as number) >> (i & 7)) & 1) at += words
  }
  to.length = at << 2
}

function appendWidened({ bytes }: PageValues, from: Int16Array, count: number, valid: Uint8Array | null): void {
  reserve(bytes, count * 4)
  const { i32 } = bytes
  let at = bytes.length >> 2
  for (let i = 0; i < count; i++) {
    i32[at] = from[i] as number
    at += valid === null ? 1 : ((valid[i >> 3] as number) >> (i & 7)) & 1
  }
  bytes.length = at << 2
}

type Varlen = Extract<StoredVector, { form: 'varlen' }>

function appendVarlen(to: PageValues, { offsets, data }: Varlen, count: number, valid: Uint8Array | null): void {
  const { bytes, lengths } = to
  reserve(lengths, count * 4)
  const { i32 } = lengths
  let at = lengths.length >> 2
  let sum = 0
  for (let i = 0; i < count; i++) {
    const length = (offsets[i + 1] as number) - (offsets[i] as number)
    const present = valid === null ? 1 : ((valid[i >> 3] as number) >> (i & 7)) & 1
    i32[at] = length
    at += present
    sum += present * length
  }
  lengths.length = at << 2
  const first = offsets[0] as number
  const end = offsets[count] as number
  // NULLs take no bytes, as a rule: then all lies together.
  if (valid === null || sum === end - first) return appendBytes(bytes, data.subarray(first, end))
  for (let i = 0; i < count; i++)
    if (((valid[i >> 3] as number) >> (i & 7)) & 1) appendBytes(bytes, data.subarray(offsets[i], offsets[i + 1]))
}

/** Values of varying length as PLAIN has them: each after its length. The others are PLAIN as they lie, booleans aside. */
export function writeByteArrays({ bytes, lengths, count }: PageValues, out: GrowingBytes): void {
  reserve(out, bytes.length + count * 4)
  const { view: from, u8: source } = bytes
  const { view, u8 } = out
  const sizes = lengths.i32
  let at = out.length
  let start = 0
  for (let i = 0; i < count; i++) {
    const length = sizes[i] as number
    view.setInt32(at, length, true)
    at += 4
    if (length > LONG) u8.set(source.subarray(start, start + length), at)
    // Whole words: the last may carry bytes past the value, which the next value overwrites or nobody reads.
    else for (let k = 0; k < length; k += 4) view.setInt32(at + k, from.getInt32(start + k))
    at += length
    start += length
  }
  out.length = at
}

/** Past this, one call of the runtime copies faster than a loop over words. */
const LONG = 96

/** Booleans as PLAIN has them: a bit each, least significant first. */
export function writeBooleans({ bytes, count }: PageValues, out: GrowingBytes): void {
  const size = (count + 7) >> 3
  reserve(out, size)
  const { u8 } = bytes
  u8.fill(0, count, size * 8)
  for (let byte = 0; byte < size; byte++) {
    let bits = 0
    for (let k = 0; k < 8; k++) bits |= ((u8[byte * 8 + k] as number) & 1) << k
    out.u8[out.length + byte] = bits
  }
  out.length += size
}
