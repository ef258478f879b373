import { tableName, UNCHANGED, type LogicalType, type Row, type Table, type Value } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { valueText } from './json/value-text.ts'
import type { PlacedMessage } from './messages-of.ts'
import type { ColumnRow } from './parse-template.ts'

type Asked = { name: ColumnRow; column: string; fallback: string | null }

/**
 * The canonical text of one column; the default, else no text, where it is null or the message is about no row (a truncate, a schema).
 * A change of a row that does not hold it is a data error: with an empty text in its place a delete would lie in another partition than
 * the row's inserts, and could overtake them.
 */
export function createColumnText(asked: Asked, template: string): (placed: PlacedMessage) => string {
  const found = createFinder(asked, template)
  return (placed) => {
    const { table, change, row } = placed
    const isOfRow = row !== null || (change !== null && change.op !== 'truncate')
    if (table === null || !isOfRow) return asked.fallback ?? ''
    const column = found(table)
    if (column === null) return asked.fallback ?? ''
    const value = valueAt(placed, asked.name, column.index)
    if (value === UNCHANGED) return asked.fallback ?? refuse(asked, { table, template })
    return value === null ? (asked.fallback ?? '') : column.text(value)
  }
}

type Found = { index: number; text: (value: Value) => string }

/** Columns are found once per table version; null where the table has none of that name and a default stands for it. */
function createFinder({ name, column, fallback }: Asked, template: string): (table: Table) => Found | null {
  const known = new WeakMap<Table, Found | null>()
  return (table) => {
    const before = known.get(table)
    if (before !== undefined) return before
    requireColumn({ name, column, fallback }, { table, template })
    const index = table.columns.findIndex((each) => each.name === column)
    const found = index < 0 ? null : { index, text: plainText(table.columns[index]!.type) } // found just above
    known.set(table, found)
    return found
  }
}

/** An error of the configuration where the table has no such column and no default stands for it. */
export function requireColumn({ name, column, fallback }: Asked, { table, template }: { table: Table; template: string }): void {
  if (fallback !== null || table.columns.some((each) => each.name === column)) return
  throw new MillraceError('TEMPLATE_COLUMN', { table: tableName(table), column, name: `\${${name}.${column}}`, template })
}

/** `UNCHANGED`: the change does not hold it. Of a row in the bytes that it came in, the one value is decoded. */
function valueAt({ change, row }: PlacedMessage, name: ColumnRow, index: number): Value | typeof UNCHANGED {
  if (row !== null) return name === 'before' ? UNCHANGED : cell(row, index)
  if (change === null || change.op === 'truncate' || change.op === 'message') return UNCHANGED
  if (name === 'before') return cell(change.before, index)
  if (change.op === 'delete') return name === 'row' ? cell(change.before, index) : UNCHANGED
  if (change.image) return change.image.value(index)
  const value = cell(change.after, index)
  return value === UNCHANGED && name === 'row' ? cell(change.before, index) : value
}

function cell(row: Row | null, index: number): Value | typeof UNCHANGED {
  return row?.[index] ?? (row === null ? UNCHANGED : null)
}

function refuse({ name, column }: Asked, { table, template }: { table: Table; template: string }): never {
  throw new MillraceError('TEMPLATE_VALUE', { table: tableName(table), column, name: `\${${name}.${column}}`, template })
}

/** Text as it is, everything else as JSON writes it, without the quotes around dates, decimals and their like. */
function plainText(type: LogicalType): (value: Value) => string {
  const json = valueText(type)
  switch (type.kind) {
    case 'float32':
    case 'float64':
      return (value) => (Object.is(value, -0) ? '-0' : String(value))
    case 'bytes':
      return (value) => json(value).slice(1, -1)
    default:
      return (value) => (typeof value === 'string' ? value : json(value))
  }
}
