import type { Bounds } from './footer.ts'
import type { PageValues } from './page-values.ts'
import type { Statistics } from './statistics.ts'

/** `text`: a cut bound must stay UTF-8. `signed`: the first byte carries a sign (decimals of a fixed length). */
export type ByteOrder = { text: boolean; signed: boolean }

/** Longer bounds are cut: the least to its first bytes, the greatest to what is still greater. */
const LONGEST = 64

/**
 * Bounds of values that are compared byte by byte. Within a page they are places in it, so that rising values cost no
 * memory each; only what outlives the page is copied.
 */
export function createByteBounds(order: ByteOrder): Statistics {
  let min: Buffer | null = null
  let max: Buffer | null = null
  return {
    add(values, start = 0) {
      if (start >= values.count) return
      const { least, greatest } = extremesOf(values, start, order.signed)
      const { u8 } = values.bytes
      if (min === null || compare(order.signed, least, whole(min)) < 0) min = Buffer.from(u8.subarray(least.at, least.at + least.length))
      if (max === null || compare(order.signed, greatest, whole(max)) > 0)
        max = Buffer.from(u8.subarray(greatest.at, greatest.at + greatest.length))
    },
    take() {
      const bounds = min === null || max === null ? null : cut(min, max, order)
      min = max = null
      return bounds
    },
  }
}

/** A value by where it lies. */
type Place = { view: DataView; at: number; length: number }

function whole(bytes: Buffer): Place {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, length: bytes.length }
}

function extremesOf({ width, count, bytes, lengths }: PageValues, start: number, isSigned: boolean): { least: Place; greatest: Place } {
  const sizes = lengths.i32
  const { view } = bytes
  let at = width > 0 ? start * width : sumOf(sizes, start)
  const least = { view, at, length: width > 0 ? width : (sizes[start] as number) }
  const greatest = { ...least }
  const value = { ...least }
  for (let i = start; i < count; i++) {
    value.at = at
    value.length = width > 0 ? width : (sizes[i] as number)
    if (compare(isSigned, value, least) < 0) {
      least.at = at
      least.length = value.length
    } else if (compare(isSigned, value, greatest) > 0) {
      greatest.at = at
      greatest.length = value.length
    }
    at += value.length
  }
  return { least, greatest }
}

function sumOf(sizes: Int32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += sizes[i] as number
  return sum
}

const SIGN = -0x80000000

/** Word by word, most significant byte first. Flipping the sign compares as unsigned. */
function compare(isSigned: boolean, one: Place, other: Place): number {
  const shared = Math.min(one.length, other.length)
  let k = 0
  for (; k + 4 <= shared; k += 4) {
    const ours = one.view.getInt32(one.at + k)
    const theirs = other.view.getInt32(other.at + k)
    if (ours === theirs) continue
    const flip = k === 0 && isSigned ? 0 : SIGN
    return (ours ^ flip) < (theirs ^ flip) ? -1 : 1
  }
  for (; k < shared; k++) {
    const difference = one.view.getUint8(one.at + k) - other.view.getUint8(other.at + k)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}

function cut(min: Buffer, max: Buffer, { text }: ByteOrder): Bounds {
  return {
    min: min.length > LONGEST ? min.subarray(0, text ? characterStart(min, LONGEST) : LONGEST) : min,
    max: max.length > LONGEST ? greaterPrefix(max, text) : max,
    minIsExact: min.length <= LONGEST,
    maxIsExact: max.length <= LONGEST,
  }
}

/** The last byte at or before `at` that begins a character. */
function characterStart(bytes: Buffer, at: number): number {
  let start = at
  while (start > 0 && ((bytes[start] as number) & 0xc0) === 0x80) start--
  return start
}

/**
 * The shortest change that makes a prefix greater than every value it begins: its last byte plus one. In text only
 * where the character stays one: within ASCII, or within a last byte's own range (80 to bf). Null where no byte can grow.
 */
function greaterPrefix(bytes: Buffer, text: boolean): Buffer | null {
  for (let end = text ? characterStart(bytes, LONGEST) : LONGEST; end > 0; end = text ? characterStart(bytes, end - 1) : end - 1) {
    const last = bytes[end - 1] as number
    const grows = text ? last < 0x7f || (last >= 0x80 && last < 0xbf) : last < 0xff
    if (!grows) continue
    const greater = Buffer.from(bytes.subarray(0, end))
    greater[end - 1] = last + 1
    return greater
  }
  return null
}
