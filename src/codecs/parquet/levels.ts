import { createGrowingBytes, reserve, type GrowingBytes } from './growing-bytes.ts'

/**
 * Which values of a page are there, as a bitmap: bit 1 = present, least significant first, which is at once Parquet's
 * bit-packed form of definition levels 0 and 1 (Encodings.md, "RLE / bit-packing hybrid").
 */
export type Presence = { bits: GrowingBytes; count: number; nulls: number }

export function createPresence(): Presence {
  return { bits: createGrowingBytes(64), count: 0, nulls: 0 }
}

export function clearPresence(presence: Presence): void {
  presence.count = 0
  presence.nulls = 0
}

/** Adds `count` rows of a bitmap from its first bit on; null: all present. Returns how many of them are NULL. */
export function appendPresence(presence: Presence, valid: Uint8Array | null, count: number): number {
  const { bits } = presence
  bits.length = (presence.count + 7) >> 3
  reserve(bits, (count >> 3) + 2)
  const shift = presence.count & 7
  const at = presence.count >> 3
  if (shift === 0) copyBits(bits.u8, at, valid, count)
  else shiftBits(bits.u8, at, { valid, count, shift })
  presence.count += count
  const last = presence.count & 7
  if (last > 0) bits.u8[presence.count >> 3] = (bits.u8[presence.count >> 3] as number) & ((1 << last) - 1)
  bits.length = (presence.count + 7) >> 3
  const nulls = valid === null ? 0 : countNulls(valid, count)
  presence.nulls += nulls
  return nulls
}

function copyBits(to: Uint8Array, at: number, valid: Uint8Array | null, count: number): void {
  const bytes = (count + 7) >> 3
  if (valid === null) to.fill(255, at, at + bytes)
  else to.set(valid.subarray(0, bytes), at)
}

function shiftBits(to: Uint8Array, at: number, from: { valid: Uint8Array | null; count: number; shift: number }): void {
  const { valid, count, shift } = from
  const bytes = (count + 7) >> 3
  for (let i = 0; i < bytes; i++) {
    const byte = valid === null ? 255 : (valid[i] as number)
    to[at + i] = (to[at + i] as number) | (byte << shift)
    to[at + i + 1] = byte >> (8 - shift)
  }
}

export function countNulls(valid: Uint8Array, count: number): number {
  let present = 0
  const whole = count >> 3
  for (let i = 0; i < whole; i++) present += BITS[valid[i] as number] as number
  if (count & 7) present += BITS[(valid[whole] as number) & ((1 << (count & 7)) - 1)] as number
  return count - present
}

const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** Definition levels of an optional column, with the length in front that data pages v1 have. */
export function writePresence({ bits, count, nulls }: Presence, out: GrowingBytes): void {
  if (nulls === 0 || nulls === count) return writeSized(out, () => writeRun(out, count, nulls === 0 ? 1 : 0))
  writeSized(out, () => {
    reserve(out, bits.length + 8)
    writeVarint(out, (((count + 7) >> 3) << 1) | 1)
    out.u8.set(bits.u8.subarray(0, bits.length), out.length)
    out.length += bits.length
  })
}

/** Levels of a list, `width` bits each, with the length in front. */
export function writeLevels(levels: Uint8Array, count: number, width: number, out: GrowingBytes): void {
  writeSized(out, () => packBits(levels, count, width, out))
}

/** Indexes into a dictionary, after the byte that says their width; no length. */
export function writeIndexes(indexes: Int32Array, count: number, width: number, out: GrowingBytes): void {
  reserve(out, 1)
  out.u8[out.length++] = width
  packBits(indexes, count, width, out)
}

/** One bit-packed run: the last group of 8 is filled up with zeros. zstd finds repetition in it by itself. */
function packBits(values: Uint8Array | Int32Array, count: number, width: number, out: GrowingBytes): void {
  const groups = (count + 7) >> 3
  reserve(out, groups * width + 8)
  writeVarint(out, groups * 2 + 1)
  const { u8 } = out
  let at = out.length
  let word = 0
  let filled = 0
  for (let i = 0; i < count; i++) {
    word |= (values[i] as number) << filled
    filled += width
    while (filled >= 8) {
      u8[at++] = word
      word >>>= 8
      filled -= 8
    }
  }
  const end = out.length + groups * width
  if (at < end) u8[at++] = word
  u8.fill(0, at, end)
  out.length = end
}

/** A run of one level, which takes one byte. */
function writeRun(out: GrowingBytes, count: number, level: number): void {
  writeVarint(out, count * 2)
  out.u8[out.length++] = level
}

function writeSized(out: GrowingBytes, write: () => void): void {
  reserve(out, 4 + 16)
  const at = out.length
  out.length += 4
  write()
  out.view.setInt32(at, out.length - at - 4, true)
}

function writeVarint(out: GrowingBytes, value: number): void {
  reserve(out, 8)
  let rest = value
  while (rest > 0x7f) {
    out.u8[out.length++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  out.u8[out.length++] = rest
}
