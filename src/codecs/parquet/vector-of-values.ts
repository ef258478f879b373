import type { FixedArray, Vector } from '../../contracts/batch.ts'
import { UNCHANGED, type LogicalType, type Row, type Value } from '../../contracts/table.ts'
import '../../lib/buffer-slices.ts'
import { parseDay, parseTimestamp } from '../../values/calendar.ts'
import { createTimestampParser, microsOfTime } from '../../values/micros-of-text.ts'

type Values = readonly Row[number][]

/**
 * Canonical values of one type as a vector (contracts/batch.ts), NULL and UNCHANGED as absent. What has no columnar
 * form stays `values`: arrays, maps, composites, and timestamps of which one is past int64 microseconds.
 */
export function vectorOfValues(type: LogicalType, values: Values): Vector {
  switch (type.kind) {
    case 'boolean':
      return fixed(new Uint8Array(values.length), values, (value) => (value ? 1 : 0))
    case 'int16':
      return fixed(new Int16Array(values.length), values, Number)
    case 'int32':
      return fixed(new Int32Array(values.length), values, Number)
    case 'uint32':
      return fixed(new Uint32Array(values.length), values, Number)
    case 'float32':
      return fixed(new Float32Array(values.length), values, Number)
    case 'float64':
      return fixed(new Float64Array(values.length), values, Number)
    case 'int64':
      return int64Vector(values)
    case 'date':
      return fixed(new Int32Array(values.length), values, (value) => dayOf(value as string))
    case 'time':
      return timeVector(values)
    case 'timestamp':
    case 'timestamptz':
      return timestampVector(type.kind === 'timestamptz' ? 1 : 0, values)
    case 'uuid':
      return uuidVector(values)
    case 'bytes':
      return bytesVector(values)
    case 'array':
    case 'map':
    case 'composite':
      return { form: 'values', values }
    default:
      return textVector(values)
  }
}

/** Whether a value is there. */
export function isValue(value: Row[number] | undefined): value is Exclude<Value, null> {
  return value !== null && value !== undefined && value !== UNCHANGED
}

export function validityOf(values: Values): Uint8Array | null {
  let valid: Uint8Array | null = null
  for (let i = 0; i < values.length; i++) {
    if (isValue(values[i])) continue
    valid ??= new Uint8Array((values.length + 7) >> 3).fill(255)
    valid[i >> 3] = (valid[i >> 3] as number) & ~(1 << (i & 7))
  }
  return valid
}

function fixed(to: Exclude<FixedArray, BigInt64Array>, values: Values, convert: (value: Value) => number): Vector {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (isValue(value)) to[i] = convert(value)
  }
  return { form: 'fixed', values: to, valid: validityOf(values) }
}

function int64Vector(values: Values): Vector {
  const to = new BigInt64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    // The cast: a canonical int64 is a bigint.
    if (isValue(value)) to[i] = value as bigint
  }
  return { form: 'fixed', values: to, valid: validityOf(values) }
}

function dayOf(text: string): number {
  if (text === 'infinity') return 0x7fffffff
  if (text === '-infinity') return -0x80000000
  return canonical(parseDay(text))
}

function timeVector(values: Values): Vector {
  const words = new Int32Array(values.length * 2)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as string
    if (isValue(value)) setMicros(words, i, microsOfTime(value, 0, value.length))
  }
  return { form: 'fixed', values: new BigInt64Array(words.buffer), valid: validityOf(values) }
}

const INFINITE = 2n ** 63n - 1n

function timestampVector(suffix: 0 | 1, values: Values): Vector {
  const words = new Int32Array(values.length * 2)
  const micros = new BigInt64Array(words.buffer)
  const parse = createTimestampParser(suffix)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as string
    if (!isValue(value)) continue
    const quick = parse(value)
    if (Number.isSafeInteger(quick)) setMicros(words, i, quick)
    else {
      const exact = microsOf(value)
      if (exact === null) return { form: 'values', values }
      micros[i] = exact
    }
  }
  return { form: 'fixed', values: micros, valid: validityOf(values) }
}

/** Null: past what the form holds, whose extremes are the infinities. */
function microsOf(text: string): bigint | null {
  if (text === 'infinity') return INFINITE
  if (text === '-infinity') return -INFINITE - 1n
  const micros = canonical(parseTimestamp(text))
  return micros < INFINITE && micros > -INFINITE ? micros : null
}

/** An integer of up to 53 bits as 64. */
function setMicros(words: Int32Array, index: number, micros: number): void {
  const high = Math.floor(micros / 4294967296)
  words[2 * index] = micros - high * 4294967296
  words[2 * index + 1] = high
}

function uuidVector(values: Values): Vector {
  const data = Buffer.alloc(values.length * 16)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as string
    if (isValue(value)) setUuid(data, i * 16, value)
  }
  return { form: 'uuid', data, valid: validityOf(values) }
}

function setUuid(to: Uint8Array, at: number, text: string): void {
  let byte = at
  for (let i = 0; i < text.length && byte < at + 16;) {
    if (text.charCodeAt(i) === 45) i++
    else {
      to[byte++] = (hexDigit(text.charCodeAt(i)) << 4) | hexDigit(text.charCodeAt(i + 1))
      i += 2
    }
  }
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87
}

function bytesVector(values: Values): Vector {
  const parts = values.map((value) => (isValue(value) ? (value as Uint8Array) : NOTHING))
  return { form: 'varlen', offsets: offsetsOf(parts), data: Buffer.concat(parts), valid: validityOf(values) }
}

const NOTHING = new Uint8Array(0)

function offsetsOf(parts: readonly Uint8Array[]): Int32Array {
  const offsets = new Int32Array(parts.length + 1)
  for (let i = 0; i < parts.length; i++) offsets[i + 1] = (offsets[i] as number) + (parts[i] as Uint8Array).length
  return offsets
}

/** Characters converted at once: one call of the runtime for many values. */
const BLOCK = 65_536

/** Texts in UTF-8. Where a block is all ASCII, its lengths are counted in characters. */
export function textVector(values: Values): Vector {
  const offsets = new Int32Array(values.length + 1)
  const blocks: Buffer[] = []
  let total = 0
  for (let start = 0; start < values.length;) {
    const { text, end } = joinFrom(values, start)
    const block = Buffer.from(text)
    const isAscii = block.length === text.length
    let at = total
    for (let i = start; i < end; i++) {
      const value = values[i] as string
      if (isValue(value)) at += isAscii ? value.length : Buffer.byteLength(value)
      offsets[i + 1] = at
    }
    total += block.length
    blocks.push(block)
    start = end
  }
  return { form: 'varlen', offsets, data: blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks), valid: validityOf(values) }
}

function joinFrom(values: Values, start: number): { text: string; end: number } {
  let text = ''
  let end = start
  for (; end < values.length && text.length < BLOCK; end++) if (isValue(values[end])) text += values[end] as string
  return { text, end }
}

/** What the decoders made is canonical: anything else is a fault of ours, and must not become a wrong value. */
function canonical<T>(value: T | null): T {
  if (value === null) throw new RangeError('a date or timestamp that is not canonical')
  return value
}
