import type { Columns, FixedArray, Vector } from '../../contracts/batch.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { LogicalType } from '../../contracts/table.ts'
import { parseDay, US_PER_DAY } from '../../values/calendar.ts'
import { createValidity, finishValidity, markNull } from '../pg-copy/column-writer.ts'
import { matchesPattern } from '../pg-types/dates.ts'
import { createTextWriter } from '../pg-types/text-writers.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'
import type { TupleImage } from './tuple-image.ts'

/** Null where a value has no place in the column's form: the column becomes canonical values. */
type ColumnReader = (images: readonly TupleImage[], column: number) => Vector | null

/** Rows in the server's text form → columns, for one table version. */
export function createImageColumns(codec: { types: readonly LogicalType[]; decoders: readonly ValueDecoder[] }) {
  const readers = codec.types.map((type, column) => readerOf(type, codec.decoders[column]!)) // one for each
  const all = codec.types.map((_, column) => column)
  return (images: readonly RowImage[], wanted: readonly number[] = all): Columns => {
    // Images of this reader, so made by the scanner.
    const tuples = images as readonly TupleImage[]
    const vectors = wanted.map((column) => readers[column]!(tuples, column) ?? valuesOf(tuples, column))
    return { rowCount: images.length, vectors }
  }
}

function valuesOf(images: readonly TupleImage[], column: number): Vector {
  return { form: 'values', values: images.map((image) => image.value(column)) }
}

/** As contracts/batch.ts says; what is left out there is `values`. */
function readerOf(type: LogicalType, decode: ValueDecoder): ColumnReader {
  switch (type.kind) {
    case 'boolean':
      return fixed(Uint8Array, (buf, start, end) => (decode(buf, start, end) === true ? 1 : 0))
    case 'int16':
      return fixed(Int16Array, decode as NumberDecoder)
    case 'int32':
      return fixed(Int32Array, decode as NumberDecoder)
    case 'uint32':
      return fixed(Uint32Array, decode as NumberDecoder)
    case 'float32':
      return fixed(Float32Array, decode as NumberDecoder)
    case 'float64':
      return fixed(Float64Array, decode as NumberDecoder)
    case 'int64':
      return wide(readInteger, decode as BigDecoder)
    case 'date':
      return fixed(Int32Array, readDay)
    case 'timestamp':
      return wide(createMomentReader(0), null)
    case 'timestamptz':
      return wide(createMomentReader(3), null)
    case 'uuid':
      return readUuids
    case 'text':
    case 'json':
    case 'unknown':
    case 'decimal':
    case 'bits':
    case 'timetz':
    case 'interval':
      return createTextReader(type)
    default:
      return () => null
  }
}

type NumberDecoder = (buf: Buffer, start: number, end: number) => number
type BigDecoder = (buf: Buffer, start: number, end: number) => bigint

/** NaN from a date means that it is none of four digits a year; a float's NaN is its value. */
function fixed(Values: new (length: number) => Exclude<FixedArray, BigInt64Array>, read: NumberDecoder): ColumnReader {
  return (images, column) => {
    const values = new Values(images.length)
    const validity = createValidity(images.length)
    for (let row = 0; row < images.length; row++) {
      const { data, spans, first } = images[row]! // row < length
      const start = spans[first + 2 * column] as number // a column of the table
      if (start < 0) {
        markNull(validity, row)
        continue
      }
      const value = read(data, start, spans[first + 2 * column + 1] as number)
      if (Number.isNaN(value) && read === readDay) return null
      values[row] = value
    }
    return { form: 'fixed', values, valid: finishValidity(validity) }
  }
}

/** 64 bits in two words: `read` gives them as a number where it is exact, else NaN; then `decode` has the word, or the column is of values. */
function wide(read: NumberDecoder, decode: BigDecoder | null): ColumnReader {
  return (images, column) => {
    const values = new BigInt64Array(images.length)
    const words = new Int32Array(values.buffer)
    const validity = createValidity(images.length)
    for (let row = 0; row < images.length; row++) {
      const { data, spans, first } = images[row]! // row < length
      const start = spans[first + 2 * column] as number // a column of the table
      if (start < 0) {
        markNull(validity, row)
        continue
      }
      const end = spans[first + 2 * column + 1] as number
      const value = read(data, start, end)
      if (Number.isNaN(value)) {
        if (decode === null) return null
        values[row] = decode(data, start, end)
        continue
      }
      const high = Math.floor(value / 4_294_967_296)
      words[2 * row] = value - high * 4_294_967_296
      words[2 * row + 1] = high
    }
    return { form: 'fixed', values, valid: finishValidity(validity) }
  }
}

/** Up to 15 digits. */
function readInteger(buf: Buffer, start: number, end: number): number {
  if (end - start > 15) return Number.NaN
  const first = buf[start] === 45 ? start + 1 : start
  if (first === end) return Number.NaN
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = (buf[at] as number) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return first === start ? value : -value
}

function readDay(buf: Buffer, start: number, end: number): number {
  if (end - start !== 10 || !matchesPattern(buf, start, 10)) return Number.NaN
  return parseDay(buf.latin1Slice(start, end)) ?? Number.NaN
}

/** `2026-11-20 01:02:03.5` and `zone` more bytes (`+00`) → microseconds since 1970. Rows that follow on each other mostly share their day. */
function createMomentReader(zone: 0 | 3): NumberDecoder {
  let lastDay = -1
  let lastUs = 0
  return (buf, start, end) => {
    const stop = end - zone
    const length = stop - start
    if (length < 19 || length > 26 || length === 20 || !matchesPattern(buf, start, 19)) return Number.NaN
    if (zone === 3 && (buf[stop] !== 43 || buf[stop + 1] !== 48 || buf[stop + 2] !== 48)) return Number.NaN
    const day = two(buf, start) * 1_000_000 + two(buf, start + 2) * 10_000 + two(buf, start + 5) * 100 + two(buf, start + 8)
    if (day !== lastDay) {
      lastUs = (parseDay(buf.latin1Slice(start, start + 10)) ?? Number.NaN) * US_PER_DAY
      lastDay = day
    }
    const us = (two(buf, start + 11) * 3600 + two(buf, start + 14) * 60 + two(buf, start + 17)) * 1_000_000
    const sum = lastUs + us + (length > 19 ? readFraction(buf, start + 19, stop) : 0)
    // Past 2^53 (285 years around 1970) a number is not exact any more.
    return Number.isSafeInteger(sum) ? sum : Number.NaN
  }
}

/** `.5` → 500000; NaN where it is none. */
function readFraction(buf: Buffer, start: number, end: number): number {
  if (buf[start] !== 46) return Number.NaN
  let us = 0
  for (let at = start + 1; at < start + 7; at++) {
    const digit = at < end ? (buf[at] as number) - 48 : 0
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    us = us * 10 + digit
  }
  return us
}

function two(buf: Buffer, at: number): number {
  return ((buf[at] as number) - 48) * 10 + (buf[at + 1] as number) - 48
}

const readUuids: ColumnReader = (images, column) => {
  const text = createTextWriter({ kind: 'uuid' })!
  const digits = Buffer.alloc(36)
  const bytes = new Uint8Array(images.length * 16)
  const validity = createValidity(images.length)
  for (let row = 0; row < images.length; row++) {
    const { data, spans, first } = images[row]! // row < length
    const start = spans[first + 2 * column] as number // a column of the table
    if (start < 0) markNull(validity, row)
    else if (text(data, start, spans[first + 2 * column + 1] as number, digits, 0) < 0) return null
    else setUuid(bytes, row * 16, digits)
  }
  return { form: 'uuid', data: bytes, valid: finishValidity(validity) }
}

function setUuid(bytes: Uint8Array, to: number, digits: Uint8Array): void {
  for (let at = 0; at < 36; at += 2) {
    if (digits[at] === 45) at++
    bytes[to++] = (nibble(digits[at] as number) << 4) | nibble(digits[at + 1] as number) // 36 of them
  }
}

function nibble(digit: number): number {
  return digit <= 57 ? digit - 48 : digit - 87
}

/** Text as bytes; where the server's is not the canonical text, by its value. */
function createTextReader(type: LogicalType): ColumnReader {
  const write = createTextWriter(type)
  return (images, column) => {
    const offsets = new Int32Array(images.length + 1)
    const validity = createValidity(images.length)
    let data = Buffer.allocUnsafeSlow(sumLengths(images, column))
    let at = 0
    for (let row = 0; row < images.length; row++) {
      const image = images[row]! // row < length
      const start = image.spans[image.first + 2 * column] as number // a column of the table
      if (start < 0) markNull(validity, row)
      else {
        const end = image.spans[image.first + 2 * column + 1] as number
        const done = write === null || at + end - start > data.length ? -1 : write(image.data, start, end, data, at)
        if (done >= 0) at = done
        else {
          const text = image.value(column) as string // of these kinds
          const bytes = Buffer.byteLength(text)
          if (at + bytes > data.length) data = grown(data, at, bytes)
          at += data.write(text, at)
        }
      }
      offsets[row + 1] = at
    }
    return { form: 'varlen', offsets, data, valid: finishValidity(validity) }
  }
}

function sumLengths(images: readonly TupleImage[], column: number): number {
  let sum = 0
  for (const { spans, first } of images) {
    const start = spans[first + 2 * column] as number // a column of the table
    if (start >= 0) sum += (spans[first + 2 * column + 1] as number) - start
  }
  return sum
}

function grown(data: Buffer<ArrayBuffer>, used: number, more: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(data.length + Math.max(more, data.length >> 1))
  data.copy(larger, 0, 0, used)
  return larger
}
