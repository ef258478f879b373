import { shortestFloat32 } from '../../codecs/pg-types/floats.ts'
import type { Value } from '../../contracts/table.ts'
import { formatDay, formatTime, formatTimestampUs } from '../../values/calendar.ts'
import type { DuckType } from './column-type.ts'
import { decodeJson } from '../../values/json-text.ts'

/** DuckDB's value, as its library gives it → the canonical value that was written. */
export function createValueReader(type: DuckType): (value: unknown) => Value {
  const read = reader(type)
  return (value) => (value === null ? null : read(value))
}

/** The library's value classes, by what is read of them. */
type Bytes = { bytes: Uint8Array }
type Micros = { micros: bigint }

// The casts: what the library documents for the column's type (@duckdb/node-api, values).
function reader(type: DuckType): (value: unknown) => Value {
  switch (type.form) {
    case 'float32':
      return (value) => shortestFloat32(value as number)
    case 'uuid':
      return String
    case 'bytes':
      return (value) => new Uint8Array((value as Bytes).bytes)
    case 'date':
      return (value) => readDay((value as { days: number }).days)
    case 'time':
      return (value) => formatTime(Number((value as Micros).micros))
    case 'timestamp':
      return (value) => readMicros((value as Micros).micros, '')
    case 'timestamptz':
      return (value) => readMicros((value as Micros).micros, 'Z')
    case 'decimal':
      return (value) => readDecimal((value as { value: bigint }).value, type.scale)
    case 'list':
      return createListReader(createValueReader(type.of))
    case 'encoded':
      return (value) => decodeJson(type.type, value as string)
    default:
      return (value) => value as Value
  }
}

function createListReader(read: (value: unknown) => Value): (value: unknown) => Value {
  return (value) => (value as { items: readonly unknown[] }).items.map(read)
}

function readDay(days: number): string {
  if (days === 2147483647) return 'infinity'
  return days === -2147483647 ? '-infinity' : formatDay(days)
}

const INFINITE_MICROS = 9223372036854775807n

function readMicros(micros: bigint, zone: '' | 'Z'): string {
  if (micros === INFINITE_MICROS) return 'infinity'
  return micros === -INFINITE_MICROS ? '-infinity' : formatTimestampUs(micros) + zone
}

function readDecimal(units: bigint, scale: number): string {
  if (scale === 0) return String(units)
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
