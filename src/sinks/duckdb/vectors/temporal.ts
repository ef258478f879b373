import { parseDay, parseTimestamp } from '../../../values/calendar.ts'
import { createTimestampParser, microsOfTime } from '../../../values/micros-of-text.ts'
import { Cells, isPresent, type ColumnWriter, type WriterContext } from './cells.ts'
import type { CopyRange } from './fixed.ts'

/** DuckDB's infinities: the largest integer and its negation; a columnar source's: the range's extremes (contracts/batch.ts). */
export const INFINITE_DAY = 2147483647
export const INFINITE_MICROS = 9223372036854775807n

/** Dates: days since 1970. Postgres' whole range fits. */
export function createDateWriter({ bindings }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, 4)
  return {
    logical: bindings.create_logical_type(13),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) cells.setNull(i)
        else cells.i32[i] = parseAnyDay(value as string)
      }
      cells.end(count, target)
    },
    copy: (from, start, count, target) => copyDays(cells, { from, start, count, target }),
  }
}

function copyDays(cells: Cells, { from, start, count, target }: CopyRange): boolean {
  if (from.form !== 'fixed' || !(from.values instanceof Int32Array)) return false
  cells.begin(count)
  for (let i = 0; i < count; i++) cells.i32[i] = Math.max(-INFINITE_DAY, from.values[start + i] ?? 0)
  cells.end(count, target)
  cells.copyValidity(from.valid, start, count, target)
  return true
}

/** Times of day: microseconds, 24:00:00 included. */
export function createTimeWriter({ bindings }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, 8)
  return {
    logical: bindings.create_logical_type(14),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) cells.setNull(i)
        else cells.set64(i, microsOfTime(value as string, 0, (value as string).length))
      }
      cells.end(count, target)
    },
    copy: (from, start, count, target) => copyMicros(cells, { from, start, count, target }),
  }
}

/** Timestamps, with or without a zone: microseconds since 1970. DuckDB's end in the year 294247, Postgres' in 294276. */
export function createTimestampWriter(zone: '' | 'Z', { bindings, misfit }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, 8)
  const parse = createTimestampParser(zone.length)

  function setSlow(index: number, text: string): void {
    if (text === 'infinity' || text === '-infinity')
      return void (cells.i64[index] = text === 'infinity' ? INFINITE_MICROS : -INFINITE_MICROS)
    const micros = parsed(parseTimestamp(text))
    if (micros < INFINITE_MICROS && micros > -INFINITE_MICROS) cells.i64[index] = micros
    else if (misfit({ canClamp: true, shape: false }) === 'null') cells.setNull(index)
    else cells.i64[index] = micros > 0n ? INFINITE_MICROS - 1n : 1n - INFINITE_MICROS
  }

  return {
    logical: bindings.create_logical_type(zone ? 31 : 12),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) {
          cells.setNull(i)
          continue
        }
        const micros = parse(value as string)
        if (Number.isSafeInteger(micros)) cells.set64(i, micros)
        else setSlow(i, value as string)
      }
      cells.end(count, target)
    },
    copy: (from, start, count, target) => copyMicros(cells, { from, start, count, target }),
  }
}

/** `-infinity` is the extreme at the source and its successor here: found by its words, without a bigint a value. */
function copyMicros(cells: Cells, { from, start, count, target }: CopyRange): boolean {
  if (from.form !== 'fixed' || !(from.values instanceof BigInt64Array)) return false
  const words = new Uint32Array(from.values.buffer, from.values.byteOffset, from.values.length * 2)
  let hasMinusInfinity = false
  for (let i = 2 * start + 1; i < 2 * (start + count); i += 2) if (words[i] === 0x80000000 && words[i - 1] === 0) hasMinusInfinity = true
  if (!hasMinusInfinity) {
    cells.copy(from.values, start, count, target)
  } else {
    cells.begin(count)
    cells.i64.set(from.values.subarray(start, start + count))
    for (let i = 0; i < count; i++)
      if (isPresent(from.valid, start + i) && (cells.i64[i] ?? 0n) < -INFINITE_MICROS) cells.i64[i] = -INFINITE_MICROS
    cells.end(count, target)
  }
  cells.copyValidity(from.valid, start, count, target)
  return true
}

/** Any canonical date. */
function parseAnyDay(text: string): number {
  if (text === 'infinity') return INFINITE_DAY
  if (text === '-infinity') return -INFINITE_DAY
  return parsed(parseDay(text))
}

/** What the decoders made is canonical: anything else is a fault of ours, and must not become a wrong value. */
function parsed<T>(value: T | null): T {
  if (value === null) throw new RangeError('a date or timestamp that is not canonical')
  return value
}
