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

/**
 * The double named by the shortest decimal that names this real, as common/f2s.c finds it: strictly between the
 * midpoints to its neighbours; of equally long ones the nearest, of equally near ones the even.
 */
export function shortestFloat32(real: number): number {
  // Integers below 2^24 and the specials are their own shortest decimals.
  if (!Number.isFinite(real) || (Number.isInteger(real) && Math.abs(real) < 0x1000000)) return real
  const size = Math.abs(real)
  // Above a power of two neighbours lie twice as far as below: there the second nearest may name it alone.
  const lopsided = Number.isInteger(Math.log2(size))
  for (let digits = 1; digits < 9; digits++) {
    const nearest = Number(size.toPrecision(digits))
    const found = names(nearest, size) ? evenOfTie(size, digits, nearest) : lopsided ? step(size, digits, 1) : nearest
    if (names(found, size)) return real < 0 ? -found : found
  }
  return Number(real.toPrecision(9))
}

/** Midpoints themselves are left out, as the server does: doubling the distance of one reaches a neighbour exactly. */
function names(decimal: number, real: number): boolean {
  const twice = 2 * decimal - real
  return Math.fround(decimal) === real && (decimal === real || Math.fround(twice) !== twice)
}

/** JavaScript rounds the half away from zero, the server to the even digit. */
function evenOfTie(real: number, digits: number, nearest: number): number {
  const longer = real.toExponential(digits)
  const isTie = /5e/.test(longer) && Number(longer) === real
  const isOdd = /[13579]e/.test(real.toExponential(digits - 1))
  return isTie && isOdd ? step(real, digits, -1) : nearest
}

/** The decimal of as many digits next to the nearest one. */
function step(real: number, digits: number, by: 1 | -1): number {
  const [mantissa = '', exponent] = real.toExponential(digits - 1).split('e')
  return Number(`${Number(mantissa.replace('.', '')) + by}e${Number(exponent) - digits + 1}`)
}

function decodeSpecial(buf: Buffer, start: number, end: number): number {
  const text = buf.latin1Slice(start, end)
  if (text === 'NaN') return Number.NaN
  if (text === 'Infinity') return Number.POSITIVE_INFINITY
  if (text === '-Infinity') return Number.NEGATIVE_INFINITY
  throw malformed(start, 'it is no number')
}
