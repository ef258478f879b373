import '../../lib/buffer-slices.ts'
import { expectLength } from './integers.ts'
import { malformed } from './malformed.ts'

/**
 * float4 and float8: manual, "Floating-Point Types"; float.c and common/f2s.c.
 * The server prints the shortest decimal that names the value (extra_float_digits 3), so a double's text parses to
 * exactly the double, and a real is the number that its text names: 1.1, not 1.100000023841858.
 */
export function decodeFloatText(buf: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = buf[at] as number
    const numeric = (byte >= 48 && byte <= 57) || byte === 46 || byte === 45 || byte === 43 || byte === 101
    if (!numeric) return decodeSpecial(buf, start, end)
  }
  const value = Number(buf.latin1Slice(start, end))
  if (start >= end || !Number.isFinite(value)) throw malformed(start, 'it is no number')
  return value
}

export function decodeFloat64Binary(buf: Buffer, start: number, end: number): number {
  expectLength(start, end, 8)
  return buf.readDoubleBE(start)
}

export function decodeFloat32Binary(buf: Buffer, start: number, end: number): number {
  expectLength(start, end, 4)
  return shortestFloat32(buf.readFloatBE(start))
}

/** The double named by the shortest decimal that names this real. */
export function shortestFloat32(real: number): number {
  // Integers below 2^23 and the specials are their own shortest decimals.
  if (!Number.isFinite(real) || (Number.isInteger(real) && Math.abs(real) < 0x800000)) return real
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(real.toPrecision(digits))
    if (Math.fround(candidate) === real) return candidate
  }
  return Number(real.toPrecision(9))
}

function decodeSpecial(buf: Buffer, start: number, end: number): number {
  const text = buf.latin1Slice(start, end)
  if (text === 'NaN') return Number.NaN
  if (text === 'Infinity') return Number.POSITIVE_INFINITY
  if (text === '-Infinity') return Number.NEGATIVE_INFINITY
  throw malformed(start, 'it is no number')
}
