/* oxlint-disable max-params -- once a value: an object of options would cost more than the work */
import type { LogicalType } from '../../contracts/table.ts'
import { matchesPattern } from './dates.ts'

/**
 * The server's text form, bytes `start` to `end` of `buf` → canonical text as bytes at `at` of `out`; returns where it ends. −1: not in
 * this way, take the value by its decoder (which also says what is malformed).
 */
export type TextWriter = (buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number) => number

/** Null for types whose canonical text is not their server text, or nearly. */
export function createTextWriter(type: LogicalType): TextWriter | null {
  switch (type.kind) {
    case 'boolean':
      return writeBoolean
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return writeInteger
    case 'decimal':
      return writeDecimal
    case 'text':
      return type.name === 'char' && !type.labels ? null : writeBytes
    case 'json':
    case 'unknown':
      return writeBytes
    case 'uuid':
      return writeUuid
    case 'date':
      return writeDate
    case 'timestamp':
      return writeTimestamp
    case 'timestamptz':
      return writeTimestamptz
    default:
      return null
  }
}

/** Past this, one call of the runtime copies faster than a loop. */
const LONG = 48

/** UTF-8 as the server sends it: `client_encoding` is UTF8, and it converts or checks. */
const writeBytes: TextWriter = (buf, start, end, out, at) => {
  if (end - start > LONG) {
    out.set(buf.subarray(start, end), at)
    return at + end - start
  }
  while (start < end) out[at++] = buf[start++] as number
  return at
}

const writeBoolean: TextWriter = (buf, start, end, out, at) => {
  if (end - start !== 1) return -1
  const letter = buf[start]
  if (letter !== 0x74 && letter !== 0x66) return -1
  const text = letter === 0x74 ? TRUE : FALSE
  for (let i = 0; i < text.length; i++) out[at++] = text[i] as number
  return at
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')

/** Within the digits that the smallest and the greatest of the type have; the range itself the server keeps. */
const writeInteger: TextWriter = (buf, start, end, out, at) => {
  if (end - start > 20 || start === end) return -1
  if (buf[start] === 45) {
    out[at++] = 45
    if (++start === end) return -1
  }
  while (start < end) {
    const byte = buf[start++] as number
    if (byte < 48 || byte > 57) return -1
    out[at++] = byte
  }
  return at
}

/** Digits with a point between them. Money and the special values go by the decoder. */
const writeDecimal: TextWriter = (buf, start, end, out, at) => {
  if (start < end && buf[start] === 45) {
    out[at++] = 45
    start++
  }
  if (start === end || buf[start] === 46 || buf[end - 1] === 46) return -1
  let points = 0
  while (start < end) {
    const byte = buf[start++] as number
    if (byte === 46) points++
    else if (byte < 48 || byte > 57) return -1
    out[at++] = byte
  }
  return points > 1 ? -1 : at
}

/** 8-4-4-4-12 lower-case hexadecimal digits. */
const writeUuid: TextWriter = (buf, start, end, out, at) => {
  if (end - start !== 36) return -1
  for (let i = 0; i < 36; i++) {
    const byte = buf[start + i] as number
    const isFit = i === 8 || i === 13 || i === 18 || i === 23 ? byte === 45 : (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102)
    if (!isFit) return -1
    out[at + i] = byte
  }
  return at + 36
}

const writeDate: TextWriter = (buf, start, end, out, at) => {
  if (end - start !== 10 || !matchesPattern(buf, start, 10)) return -1
  for (let i = 0; i < 10; i++) out[at++] = buf[start++] as number
  return at
}

const writeTimestamp: TextWriter = (buf, start, end, out, at) => writeMoment(buf, start, end, out, at)

/** `+00` becomes `Z`. */
const writeTimestamptz: TextWriter = (buf, start, end, out, at) => {
  const stop = end - 3
  if (stop < start || buf[stop] !== 43 || buf[stop + 1] !== 48 || buf[stop + 2] !== 48) return -1
  const done = writeMoment(buf, start, stop, out, at)
  if (done < 0) return -1
  out[done] = 90
  return done + 1
}

/** `2026-11-20 01:02:03.5` of the years 0000 to 9999. */
function writeMoment(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const length = end - start
  if (length < 19 || length > 26 || length === 20 || !matchesPattern(buf, start, 19)) return -1
  if (length > 19 && buf[start + 19] !== 46) return -1
  for (let i = 0; i < length; i++) {
    const byte = buf[start + i] as number
    if (i > 19 && (byte < 48 || byte > 57)) return -1
    out[at + i] = byte
  }
  out[at + 10] = 84
  return at + length
}
