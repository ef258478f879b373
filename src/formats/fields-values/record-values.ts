import type { LogicalType } from '../../contracts/table.ts'
import { floatText, quoted } from '../../messages/json/json-text.ts'
import { withJsonAsText } from '../../messages/json/json-as-text.ts'
import { arrayText, valueText, type ValueText } from '../../messages/json/value-text.ts'
import { toPgDay, toPgTimestamp } from '../../values/pg-dates.ts'

export type ValueOptions = { decimals: 'number' | 'string' }

/**
 * A present value as pg_to_brokers gave it: numbers and booleans of JSON, everything else the text that Postgres prints (datestyle ISO,
 * intervalstyle iso_8601, UTC). Arrays, which it could not read, are arrays of JSON; composites and hstore objects.
 */
export function valueTextOf(type: LogicalType, options: ValueOptions): ValueText {
  switch (type.kind) {
    case 'float32':
    case 'float64':
      return (value) => floatText(value as number) // by its kind
    case 'decimal':
      return options.decimals === 'string' ? valueText(type) : (value) => decimalText(value as string) // by its kind
    case 'bytes':
      return (value) => bytesText(value as Uint8Array) // by its kind
    case 'date':
      return (value) => quoted(toPgDay(value as string)) // by its kind
    case 'timestamp':
    case 'timestamptz':
      return (value) => quoted(toPgTimestamp(value as string)) // by its kind
    case 'array':
      return arrayText(valueTextOf(type.of, options))
    default:
      return valueText(withJsonAsText(type))
  }
}

/** The server's own digits are a number of JSON; what has none is a string. */
function decimalText(value: string): string {
  return FINITE.test(value) ? value : quoted(value)
}

const FINITE = /^-?\d+(?:\.\d+)?$/

export function bytesText(bytes: Uint8Array): string {
  return `"\\\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}"`
}

/** test_decoding names a type without its modifier: `numeric(10,2)` is `numeric`. Quoted names are left as they are. */
export function typeWords(sourceType: string): string {
  if (sourceType.includes('"')) return sourceType
  return sourceType.replace(/^interval [a-z ]+/, 'interval').replace(/ ?\(\d+(?:,-?\d+)?\)/, '')
}
