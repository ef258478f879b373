import '../../lib/buffer-slices.ts'
import { decideMisfit, NO_NUMBER, TOO_LARGE, type Misfits } from './misfit.ts'
import type { ParquetField } from './schema.ts'
import { isPresent, type StoredVector } from './stored-vector.ts'

type Texts = Extract<StoredVector, { form: 'varlen' }>

/** Decimals from their text: integers in units of the scale's last digit, in 32 or 64 bits, or 16 bytes of big endian. */
export function decimalVector(field: ParquetField, texts: Texts, count: number, misfits: Misfits): StoredVector {
  const { width, scale, precision } = field.leaf
  const words = new Int32Array((count * width) >> 2)
  const state = { words, wide: width === 16 ? new DataView(words.buffer) : null, width }
  const data = Buffer.from(texts.data.buffer, texts.data.byteOffset, texts.data.byteLength)
  const limit = 10n ** BigInt(precision)
  let valid = texts.valid
  for (let i = 0; i < count; i++) {
    if (!isPresent(texts.valid, i)) continue
    const start = texts.offsets[i] as number
    const end = texts.offsets[i + 1] as number
    const quick = parseShort(data, start, end, scale)
    if (quick === quick && Math.abs(quick) < (POWERS[precision] ?? Infinity)) {
      setNumber(state, i, quick)
      continue
    }
    const text = data.latin1Slice(start, end)
    const exact = parseExact(text, scale)
    if (exact !== null && exact < limit && exact > -limit) setBigint(state, i, exact)
    else {
      // What is too large has a nearest value; NaN and excess digits have none that would not be a silent change.
      const canClamp = exact !== null || text === 'Infinity' || text === '-Infinity'
      if (decideMisfit(field, canClamp ? TOO_LARGE : NO_NUMBER, misfits) === 'clamp')
        setBigint(state, i, text.startsWith('-') ? 1n - limit : limit - 1n)
      else valid = without(valid === texts.valid ? (valid === null ? allValid(count) : Uint8Array.from(valid)) : valid, i)
    }
  }
  if (width === 16) return { form: 'uuid', data: new Uint8Array(words.buffer), valid }
  return { form: 'fixed', values: width === 4 ? words : new BigInt64Array(words.buffer), valid }
}

function allValid(count: number): Uint8Array {
  return new Uint8Array((count + 7) >> 3).fill(255)
}

function without(valid: Uint8Array | null, index: number): Uint8Array | null {
  if (valid !== null) valid[index >> 3] = (valid[index >> 3] as number) & ~(1 << (index & 7))
  return valid
}

/** Exact as numbers. */
const POWERS = Array.from({ length: 16 }, (_, digits) => 10 ** digits)

/** Up to 15 digits in plain form, which a number holds exactly; NaN where the text is anything else. */
function parseShort(data: Uint8Array, start: number, end: number, scale: number): number {
  const isNegative = data[start] === 45
  let value = 0
  let point = -1
  let i = isNegative ? start + 1 : start
  if (end - i > 16 || i >= end) return NaN
  for (; i < end; i++) {
    const digit = (data[i] as number) - 48
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit === -2 && point < 0) point = i
    else return NaN
  }
  const missing = point < 0 ? scale : scale - (end - point - 1)
  if (missing < 0 || value >= 1e15) return NaN
  const scaled = missing === 0 ? value : value * (POWERS[missing] ?? NaN)
  if (!(scaled < 1e15)) return NaN
  return isNegative ? -scaled : scaled
}

/** Null where it is no decimal, or has digits past the scale: rounding would be silent. */
function parseExact(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) return null
  const fraction = match[3] ?? ''
  if (/[1-9]/.test(fraction.slice(scale))) return null
  const value = BigInt(`${match[2]}${fraction.slice(0, scale).padEnd(scale, '0')}`)
  return match[1] ? -value : value
}

type State = { words: Int32Array; wide: DataView | null; width: number }

function setNumber({ words, wide, width }: State, index: number, value: number): void {
  if (width === 4) {
    words[index] = value
    return
  }
  const high = Math.floor(value / 4294967296)
  const low = value - high * 4294967296
  if (wide === null) {
    words[2 * index] = low
    words[2 * index + 1] = high
    return
  }
  const sign = value < 0 ? -1 : 0
  wide.setInt32(16 * index, sign)
  wide.setInt32(16 * index + 4, sign)
  wide.setInt32(16 * index + 8, high)
  wide.setUint32(16 * index + 12, low)
}

function setBigint({ words, wide, width }: State, index: number, value: bigint): void {
  if (width === 4) words[index] = Number(value)
  else if (wide === null) {
    words[2 * index] = Number(BigInt.asIntN(32, value))
    words[2 * index + 1] = Number(BigInt.asIntN(32, value >> 32n))
  } else {
    wide.setBigInt64(16 * index, value >> 64n)
    wide.setBigUint64(16 * index + 8, BigInt.asUintN(64, value))
  }
}
