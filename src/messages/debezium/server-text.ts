import { toPgText } from '../../codecs/pg-types/to-pg-text.ts'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { lowerBoundsOf } from '../../values/lower-bounds.ts'

/**
 * A value as the server prints it. Other than `toPgText`, which quotes every part of a row or an array, it quotes only what the server's own
 * `record_out` and `array_out` do.
 */
export function serverText(type: LogicalType, value: Exclude<Value, null>): string {
  if (type.kind === 'composite') {
    const fields = value as Readonly<Record<string, Value>> // by the value model
    return `(${type.fields.map(({ name, type: field }) => rowPart(field, fields[name] ?? null)).join(',')})`
  }
  if (type.kind === 'array' && lowerBoundsOf(value as readonly Value[]) === null) return arrayText(type.of, value as readonly Value[])
  return toPgText(type, value)
}

function rowPart(type: LogicalType, value: Value): string {
  if (value === null) return ''
  const text = serverText(type, value)
  return text === '' || /["\\(),\s]/.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text
}

function arrayText(of: LogicalType, items: readonly Value[]): string {
  const delimiter = of.kind === 'unknown' && of.name === 'box' ? ';' : ','
  return `{${items.map((item) => arrayPart(of, item)).join(delimiter)}}`
}

function arrayPart(of: LogicalType, item: Value): string {
  if (item === null) return 'NULL'
  if (Array.isArray(item)) return arrayText(of, item as readonly Value[]) // a further dimension
  const text = serverText(of, item)
  return text === '' || /^null$/i.test(text) || /["\\{},;\s]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
}
