import { MillraceError } from '../../errors/millrace-error.ts'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { lowerBoundsOf } from '../../values/lower-bounds.ts'
import { toPgDay, toPgTimestamp } from '../../values/pg-dates.ts'
import { arrayDelimiter } from './create-text-decoder.ts'

/**
 * Canonical value → the text that the type's input function reads back as an equal value: the inverse of
 * `createTextDecoder`. Not quoted as SQL: pass it as a parameter, or as a field of COPY. Null is the caller's.
 */
export function toPgText(type: LogicalType, value: Exclude<Value, null>): string {
  switch (type.kind) {
    case 'date':
      return toPgDay(value as string)
    case 'timestamp':
    case 'timestamptz':
      return toPgTimestamp(value as string)
    case 'array':
      return toPgArray(type.of, value as readonly Value[])
    case 'map':
      return Object.entries(value as Record<string, string | null>)
        .map(([key, item]) => `${quote(key)}=>${item === null ? 'NULL' : quote(item)}`)
        .join(', ')
    case 'composite':
      return toPgRow(type, value as Record<string, Value>)
    default:
      return toPgScalar(value)
  }
}

function toPgScalar(value: Exclude<Value, null>): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  throw new MillraceError('BUG', { reason: 'a value is not of its column’s type' })
}

function toPgArray(of: LogicalType, array: readonly Value[]): string {
  const bounds = lowerBoundsOf(array)
  return (bounds ? `${formatBounds(array, bounds)}=` : '') + braces(of, array)
}

function formatBounds(array: readonly Value[], bounds: readonly number[]): string {
  let level: Value = array
  let text = ''
  for (const lower of bounds) {
    const items = level as readonly Value[]
    text += `[${lower}:${lower + items.length - 1}]`
    level = items[0] ?? null
  }
  return text
}

/** An array inside an array is a further dimension: elements are never arrays themselves (`typeOf`). */
function braces(of: LogicalType, array: readonly Value[]): string {
  const items = array.map((item) => {
    if (item === null) return 'NULL'
    return Array.isArray(item) ? braces(of, item as readonly Value[]) : quote(toPgText(of, item))
  })
  return `{${items.join(arrayDelimiter(of))}}`
}

function toPgRow(type: Extract<LogicalType, { kind: 'composite' }>, value: Record<string, Value>): string {
  const fields = type.fields.map(({ name, type: field }) => {
    const item = value[name] ?? null
    return item === null ? '' : quote(toPgText(field, item))
  })
  return `(${fields.join(',')})`
}

/** Understood by arrays, rows and hstore alike. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
