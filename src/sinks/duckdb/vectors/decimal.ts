import type { DuckType } from '../column-type.ts'
import { Cells, isPresent, type ColumnWriter, type WriterContext } from './cells.ts'

type DecimalType = Extract<DuckType, { form: 'decimal' }>

/** Decimals as DuckDB holds them: an integer of 16, 32, 64 or 128 bits, by width, in units of the scale's last digit. */
export function createDecimalWriter(type: DecimalType, { bindings, misfit }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, storageBytes(type.width))
  const store = STORES[cells.width as keyof typeof STORES]
  const limit = 10n ** BigInt(type.width)
  const scratch = new Uint8Array(SHORT)

  function set(index: number, text: string): void {
    if (text.length <= scratch.length) {
      for (let i = 0; i < text.length; i++) scratch[i] = text.charCodeAt(i)
      if (setShort(index, scratch, 0, text.length)) return
    }
    setExact(index, text)
  }

  function setShort(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const quick = parseShort(bytes, start, end, type)
    if (Number.isNaN(quick)) return false
    store.number(cells, index, quick)
    return true
  }

  function setExact(index: number, text: string): void {
    const exact = parseExact(text, type.scale)
    if (exact !== null && exact < limit && exact > -limit) return store.bigint(cells, index, exact)
    // What is too large has a nearest value; NaN and excess digits have none that would not be a silent change.
    const canClamp = exact !== null || text === 'Infinity' || text === '-Infinity'
    if (misfit({ canClamp, shape: false }) === 'null') return cells.setNull(index)
    store.bigint(cells, index, text.startsWith('-') ? 1n - limit : limit - 1n)
  }

  return {
    logical: bindings.create_decimal_type(type.width, type.scale),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) cells.setNull(i)
        else set(i, value as string)
      }
      cells.end(count, target)
    },
    copy(from, start, count, target) {
      if (from.form !== 'varlen') return false
      const { offsets, valid } = from
      const data = Buffer.from(from.data.buffer, from.data.byteOffset, from.data.byteLength)
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const [from, to] = [offsets[start + i] ?? 0, offsets[start + i + 1] ?? 0]
        if (!isPresent(valid, start + i)) cells.setNull(i)
        else if (!setShort(i, data, from, to)) setExact(i, data.latin1Slice(from, to))
      }
      cells.end(count, target)
      return true
    },
  }
}

function storageBytes(width: number): 2 | 4 | 8 | 16 {
  return width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
}

const STORES = {
  2: {
    number: (cells: Cells, i: number, v: number) => void (cells.i16[i] = v),
    bigint: (cells: Cells, i: number, v: bigint) => void (cells.i16[i] = Number(v)),
  },
  4: {
    number: (cells: Cells, i: number, v: number) => void (cells.i32[i] = v),
    bigint: (cells: Cells, i: number, v: bigint) => void (cells.i32[i] = Number(v)),
  },
  8: {
    number: (cells: Cells, i: number, v: number) => cells.set64(i, v),
    bigint: (cells: Cells, i: number, v: bigint) => void (cells.i64[i] = v),
  },
  16: { number: (cells: Cells, i: number, v: number) => set128(cells, i, BigInt(v)), bigint: set128 },
}

function set128(cells: Cells, index: number, value: bigint): void {
  cells.i64[2 * index] = BigInt.asIntN(64, value)
  cells.i64[2 * index + 1] = value >> 64n
}

const SHORT = 15

/** Up to 15 digits in plain form, which a number holds exactly; NaN where the text is anything else. */
function parseShort(bytes: Uint8Array, start: number, end: number, { scale, width }: DecimalType): number {
  if (end - start > SHORT || end === start) return NaN
  const negative = bytes[start] === 45
  let value = 0
  let fraction = -1
  for (let i = negative ? start + 1 : start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit
      if (fraction >= 0) fraction++
    } else if (digit === -2 && fraction < 0) fraction = 0
    else return NaN
  }
  if (fraction < 0) fraction = 0
  if (fraction > scale) return NaN
  for (; fraction < scale; fraction++) value *= 10
  return value <= (width < 16 ? (POWERS[width] ?? 0) : Number.MAX_SAFE_INTEGER) - 1 ? (negative ? -value : value) : NaN
}

const POWERS = Array.from({ length: 16 }, (_, digits) => 10 ** digits)

/** Null where it is no decimal, or has digits past the scale: rounding would be silent. */
function parseExact(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  if (!match) return null
  const fraction = match[3] ?? ''
  if (/[1-9]/.test(fraction.slice(scale))) return null
  const value = BigInt(`${match[2]}${fraction.slice(0, scale).padEnd(scale, '0')}` || '0')
  return match[1] ? -value : value
}
