import type { Bounds } from './footer.ts'
import type { GrowingBytes } from './growing-bytes.ts'
import type { Statistics } from './statistics.ts'

/** `text`: a cut bound must stay UTF-8. `signed`: the first byte carries a sign (decimals of a fixed length). */
export type ByteOrder = { text: boolean; signed: boolean }

/** Longer bounds are cut: the least to its first bytes, the greatest to what is still greater. */
const LONGEST = 64

/** Bounds of values that are compared byte by byte. */
export function createByteBounds(order: ByteOrder): Statistics {
  let min: Key | null = null
  let max: Key | null = null
  return {
    add({ width, count, bytes, lengths }, start = 0) {
      const sizes = lengths.i32
      let at = width > 0 ? start * width : sumOf(sizes, start)
      for (let i = start; i < count; i++) {
        const length = width > 0 ? width : (sizes[i] as number)
        if (min === null || max === null) min = max = keyOf(bytes, at, length)
        else if (compare(bytes.view, at, length, { key: min, order }) < 0) min = keyOf(bytes, at, length)
        else if (compare(bytes.view, at, length, { key: max, order }) > 0) max = keyOf(bytes, at, length)
        at += length
      }
    },
    take() {
      const bounds = min === null || max === null ? null : cut(min.bytes, max.bytes, order)
      min = max = null
      return bounds
    },
  }
}

type Key = { bytes: Buffer; view: DataView }

function keyOf(from: GrowingBytes, at: number, length: number): Key {
  const bytes = Buffer.from(from.u8.subarray(at, at + length))
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) }
}

function sumOf(sizes: Int32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += sizes[i] as number
  return sum
}

const SIGN = -0x80000000

/** Word by word, most significant byte first. Flipping the sign compares as unsigned. */
function compare(view: DataView, at: number, length: number, { key, order }: { key: Key; order: ByteOrder }): number {
  const shared = Math.min(length, key.bytes.length)
  let k = 0
  for (; k + 4 <= shared; k += 4) {
    const ours = view.getInt32(at + k)
    const theirs = key.view.getInt32(k)
    if (ours === theirs) continue
    const flip = k === 0 && order.signed ? 0 : SIGN
    return (ours ^ flip) < (theirs ^ flip) ? -1 : 1
  }
  for (; k < shared; k++) {
    const difference = view.getUint8(at + k) - (key.bytes[k] as number)
    if (difference !== 0) return difference
  }
  return length - key.bytes.length
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
