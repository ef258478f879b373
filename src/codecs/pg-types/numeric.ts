import '../../lib/buffer-slices.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * numeric: manual, "Arbitrary Precision Numbers"; numeric.c, `numeric_send` and `get_str_from_var`.
 *
 *   int16 ndigits, int16 weight, uint16 sign, uint16 dscale, ndigits × int16 (base 10000, most significant first)
 *
 * Digit i stands for digit × 10000^(weight − i). The text has exactly dscale digits after the point.
 */
const NEGATIVE = 0x4000
const SPECIALS: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
])

export function createNumericBinaryDecoder(): ValueDecoder {
  let scratch = Buffer.allocUnsafe(64)
  return (buf, start, end) => {
    const bound = numericTextBound(buf, start, end)
    if (bound > scratch.length) scratch = Buffer.allocUnsafe(bound * 2)
    return scratch.latin1Slice(0, writeNumericText(buf, start, scratch, 0))
  }
}

/** A bound of the text's length; throws where the bytes are no numeric. */
export function numericTextBound(buf: Buffer, start: number, end: number): number {
  const count = end - start >= 8 ? buf.readInt16BE(start) : -1
  if (count < 0 || end - start !== 8 + 2 * count) throw malformed(start, 'it is no numeric')
  const weight = buf.readInt16BE(start + 2)
  const scale = buf.readUInt16BE(start + 6)
  if (scale > 0x3fff) throw malformed(start + 6, 'the scale of numeric exceeds 16383')
  return 16 + (weight > 0 ? weight * 4 : 0) + scale
}

/** Writes the server's text as ASCII; returns where it ends. `out` must have room for `numericTextBound` bytes. */
export function writeNumericText(buf: Buffer, start: number, out: Uint8Array, at: number): number {
  const count = buf.readInt16BE(start)
  const weight = buf.readInt16BE(start + 2)
  const sign = buf.readUInt16BE(start + 4)
  const scale = buf.readUInt16BE(start + 6)
  if (sign === NEGATIVE) out[at++] = 45
  else if (sign !== 0) return writeSpecial(sign, start, out, at)
  const digits = start + 8
  let end = at
  if (weight < 0) out[end++] = 48
  for (let i = 0; i <= weight; i++) {
    const digit = i < count ? readDigit(buf, digits + 2 * i) : 0
    end = i === 0 ? writeLeading(digit, out, end) : writeFour(digit, out, end)
  }
  if (scale === 0) return end
  out[end++] = 46
  const stop = end + scale
  // The last group may reach past the scale: what follows `stop` is overwritten or not part of the text.
  for (let i = weight + 1; end < stop; i++) end = writeFour(i >= 0 && i < count ? readDigit(buf, digits + 2 * i) : 0, out, end)
  return stop
}

function readDigit(buf: Buffer, at: number): number {
  // `numericTextBound` saw that the digits lie inside the buffer.
  const digit = ((buf[at] as number) << 8) | (buf[at + 1] as number)
  if (digit > 9999) throw malformed(at, 'a digit of numeric exceeds 9999')
  return digit
}

function writeLeading(digit: number, out: Uint8Array, at: number): number {
  if (digit > 999) return writeFour(digit, out, at)
  if (digit > 99) out[at++] = 48 + ((digit / 100) | 0)
  if (digit > 9) out[at++] = 48 + (((digit / 10) | 0) % 10)
  out[at] = 48 + (digit % 10)
  return at + 1
}

function writeFour(digit: number, out: Uint8Array, at: number): number {
  const high = (digit / 100) | 0
  const low = digit - high * 100
  const first = (high / 10) | 0
  const third = (low / 10) | 0
  out[at] = 48 + first
  out[at + 1] = 48 + high - first * 10
  out[at + 2] = 48 + third
  out[at + 3] = 48 + low - third * 10
  return at + 4
}

function writeSpecial(sign: number, start: number, out: Uint8Array, at: number): number {
  const text = SPECIALS.get(sign)
  if (!text) throw malformed(start + 4, 'the sign of numeric is unknown')
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i)
  return at + text.length
}

/**
 * numeric and money in text. Money prints a sign, the currency and groups (`-$1,234.56` under lc_monetary C; cash.c);
 * canonical is the bare number. numeric never holds these signs, so one decoder serves both.
 */
export const decodeDecimalText: ValueDecoder = (buf, start, end) => {
  const first = buf[start] === 45 ? start + 1 : start
  let plain = first < end && buf[first] !== 46 && buf[end - 1] !== 46
  let points = 0
  for (let at = first; at < end; at++) {
    const byte = buf[at] as number
    if (byte === 46) points++
    else if (!(byte >= 48 && byte <= 57)) plain = false
  }
  const text = buf.latin1Slice(start, end)
  if (plain && points <= 1) return text
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text
  if (!/^-?\$\d{1,3}(,\d{3})*\.\d\d$/.test(text)) throw malformed(start, 'it is no decimal')
  return text.replace(/[$,]/g, '')
}
