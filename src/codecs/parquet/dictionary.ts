import { appendBytes, reserve } from './growing-bytes.ts'
import { createPageValues, type PageValues } from './page-values.ts'
import type { Leaf } from './schema.ts'

/** The distinct values of a column chunk, in order of appearance. */
export type Dictionary = {
  /** PLAIN once its lengths are put between. */
  entries: PageValues
  /** Open addressing: an entry's number plus 1, or 0. A power of two, at most half full. */
  slots: Int32Array
  /** Of varying lengths: where each entry begins. One more than half of the slots: the entry that makes them grow has its place before they do. */
  starts: Int32Array
  /** What the last page's values became. */
  indexes: Int32Array
  /** Values that became indexes. */
  seen: number
}

/** Past either a dictionary costs more than it saves, in the file and in its readers. */
const MOST_ENTRIES = 32_768
const MOST_BYTES = 1024 * 1024

/** After so many values a dictionary must hold at most half as many entries, or it is given up. */
const TRIAL = 16_384

export function createDictionary(leaf: Leaf): Dictionary {
  return { entries: createPageValues(leaf), slots: new Int32Array(1024), starts: new Int32Array(513), indexes: new Int32Array(0), seen: 0 }
}

/** Whether values of this kind are worth the attempt: not booleans, and what is unlike by its nature. */
export function mayRepeat({ width, kind }: Leaf): boolean {
  return width !== 1 && width !== 16 && kind !== 'float64' && kind !== 'json'
}

export function clearDictionary(dictionary: Dictionary): void {
  dictionary.seen = 0
  const { entries, slots } = dictionary
  entries.count = 0
  entries.bytes.length = 0
  entries.lengths.length = 0
  slots.fill(0)
}

/** A page's values as indexes into the dictionary; false where it does not pay: then nothing of this page is in it, and the chunk's other pages stay PLAIN. */
export function indexPage(dictionary: Dictionary, page: PageValues): boolean {
  if (dictionary.indexes.length < page.count) dictionary.indexes = new Int32Array(Math.ceil(page.count * 1.25))
  const { count, bytes } = dictionary.entries
  const before = bytes.length
  const fits = page.width === 0 ? indexVarlen(dictionary, page) : indexWords(dictionary, page)
  dictionary.seen += page.count
  if (fits && dictionary.entries.count * 2 <= dictionary.seen) return true
  dictionary.entries.count = count
  bytes.length = before
  dictionary.entries.lengths.length = page.width === 0 ? count * 4 : 0
  return false
}

function isTooLarge({ count, bytes }: PageValues): boolean {
  return count > MOST_ENTRIES || bytes.length > MOST_BYTES
}

/** Values of one or two words. */
function indexWords(dictionary: Dictionary, page: PageValues): boolean {
  const { entries, indexes } = dictionary
  const words = page.width >> 2
  const from = page.bytes.i32
  for (let i = 0; i < page.count; i++) {
    const low = from[i * words] as number
    const high = words === 2 ? (from[2 * i + 1] as number) : 0
    const { slots } = dictionary
    const known = entries.bytes.i32
    const mask = slots.length - 1
    let slot = hashWords(low, high) & mask
    let entry = slots[slot] as number
    while (entry !== 0 && !(known[(entry - 1) * words] === low && (words === 1 || known[2 * entry - 1] === high))) {
      slot = (slot + 1) & mask
      entry = slots[slot] as number
    }
    if (entry === 0) {
      entry = ++entries.count
      slots[slot] = entry
      reserve(entries.bytes, 8)
      entries.bytes.i32[(entry - 1) * words] = low
      if (words === 2) entries.bytes.i32[2 * entry - 1] = high
      entries.bytes.length = entry * page.width
      if (isTooLarge(entries)) return false
      if (entry * 2 > slots.length) growWords(dictionary, words)
    }
    indexes[i] = entry - 1
    if (i === TRIAL && entries.count * 2 > TRIAL) return false
  }
  return true
}

function growWords(dictionary: Dictionary, words: number): void {
  const slots = new Int32Array(dictionary.slots.length * 2)
  const { i32 } = dictionary.entries.bytes
  for (let entry = 0; entry < dictionary.entries.count; entry++)
    place(slots, entry, hashWords(i32[entry * words] as number, words === 2 ? (i32[2 * entry + 1] as number) : 0))
  dictionary.slots = slots
}

function place(slots: Int32Array, entry: number, hash: number): void {
  const mask = slots.length - 1
  let slot = hash & mask
  while (slots[slot] !== 0) slot = (slot + 1) & mask
  slots[slot] = entry + 1
}

function hashWords(low: number, high: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

function indexVarlen(dictionary: Dictionary, page: PageValues): boolean {
  const { entries, indexes } = dictionary
  const sizes = page.lengths.i32
  const { view, u8 } = page.bytes
  let at = 0
  for (let i = 0; i < page.count; i++) {
    const length = sizes[i] as number
    const { slots, starts } = dictionary
    const mask = slots.length - 1
    let slot = hashBytes(view, at, length) & mask
    let entry = slots[slot] as number
    while (
      entry !== 0 &&
      !(entries.lengths.i32[entry - 1] === length && sameBytes(entries.bytes.view, starts[entry - 1] as number, { view, at, length }))
    ) {
      slot = (slot + 1) & mask
      entry = slots[slot] as number
    }
    if (entry === 0) {
      entry = ++entries.count
      slots[slot] = entry
      starts[entry - 1] = entries.bytes.length
      appendBytes(entries.bytes, u8.subarray(at, at + length))
      reserve(entries.lengths, 4)
      entries.lengths.i32[entry - 1] = length
      entries.lengths.length += 4
      if (isTooLarge(entries)) return false
      if (entry * 2 > slots.length) growVarlen(dictionary)
    }
    indexes[i] = entry - 1
    if (i === TRIAL && entries.count * 2 > TRIAL) return false
    at += length
  }
  return true
}

function growVarlen(dictionary: Dictionary): void {
  const { entries } = dictionary
  const slots = new Int32Array(dictionary.slots.length * 2)
  const starts = new Int32Array((slots.length >> 1) + 1)
  starts.set(dictionary.starts)
  for (let entry = 0; entry < entries.count; entry++)
    place(slots, entry, hashBytes(entries.bytes.view, starts[entry] as number, entries.lengths.i32[entry] as number))
  dictionary.slots = slots
  dictionary.starts = starts
}

/** By words: the memory behind a page's values may be read, see GrowingBytes. */
function hashBytes(view: DataView, at: number, length: number): number {
  let hash = length
  const whole = length & ~3
  for (let k = 0; k < whole; k += 4) hash = Math.imul(hash ^ view.getInt32(at + k), 0x9e3779b1) ^ (hash >>> 15)
  if (length & 3) hash = Math.imul(hash ^ (view.getInt32(at + whole) >> (32 - 8 * (length & 3))), 0x9e3779b1)
  return hash ^ (hash >>> 16)
}

function sameBytes(known: DataView, start: number, { view, at, length }: { view: DataView; at: number; length: number }): boolean {
  const whole = length & ~3
  for (let k = 0; k < whole; k += 4) if (known.getInt32(start + k) !== view.getInt32(at + k)) return false
  for (let k = whole; k < length; k++) if (known.getUint8(start + k) !== view.getUint8(at + k)) return false
  return true
}
