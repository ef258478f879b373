import '../../lib/buffer-slices.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/** int2, int4, oid, int8: manual, "Integer Types"; int.c, int8.c, oid.c. */

const RANGES = {
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
  uint32: [0, 0xffffffff],
} as const

export function createIntegerTextDecoder(kind: keyof typeof RANGES): ValueDecoder {
  const [least, most] = RANGES[kind]
  return (buf, start, end) => {
    const value = parseDigits(buf, start, end, 11)
    if (value < least || value > most) throw malformed(start, `it is no ${kind}`)
    return value
  }
}

export function createIntegerBinaryDecoder(kind: keyof typeof RANGES): ValueDecoder {
  if (kind === 'int16') return (buf, start, end) => (expectLength(start, end, 2), buf.readInt16BE(start))
  if (kind === 'int32') return (buf, start, end) => (expectLength(start, end, 4), buf.readInt32BE(start))
  return (buf, start, end) => (expectLength(start, end, 4), buf.readUInt32BE(start))
}

export function decodeInt64Text(buf: Buffer, start: number, end: number): bigint {
  if (end - start <= 15) return BigInt(parseDigits(buf, start, end, 15))
  const text = buf.latin1Slice(start, end)
  if (!/^-?[1-9]\d{14,18}$/.test(text)) throw malformed(start, 'it is no int64')
  const value = BigInt(text)
  if (BigInt.asIntN(64, value) !== value) throw malformed(start, 'it is no int64')
  return value
}

export function decodeInt64Binary(buf: Buffer, start: number, end: number): bigint {
  expectLength(start, end, 8)
  return buf.readBigInt64BE(start)
}

export function decodeBooleanText(buf: Buffer, start: number, end: number): boolean {
  const byte = buf[start]
  if (end - start !== 1 || (byte !== 116 && byte !== 102)) throw malformed(start, 'it is no boolean')
  return byte === 116
}

export function decodeBooleanBinary(buf: Buffer, start: number, end: number): boolean {
  const byte = buf[start]
  if (end - start !== 1 || (byte !== 0 && byte !== 1)) throw malformed(start, 'it is no boolean')
  return byte === 1
}

export function expectLength(start: number, end: number, length: number): void {
  if (end - start !== length) throw malformed(start, `it has ${end - start} bytes instead of ${length}`)
}

/** An optional minus and digits, exact below 2^53. */
function parseDigits(buf: Buffer, start: number, end: number, longest: number): number {
  const negative = buf[start] === 45
  let at = negative ? start + 1 : start
  if (at >= end || end - start > longest) throw malformed(start, 'it is no integer')
  let value = 0
  for (; at < end; at++) {
    // Past the buffer's end this is NaN, which fails the comparison.
    const digit = (buf[at] as number) - 48
    if (!(digit >= 0 && digit <= 9)) throw malformed(at, 'a digit is missing')
    value = value * 10 + digit
  }
  return negative && value !== 0 ? -value : value
}
