import { outputText } from '../../codecs/pg-types/type-of.ts'
import { toPgText } from '../../codecs/pg-types/to-pg-text.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier, quoteLiteral, quoteName } from './catalogue-sql.ts'
import { columnById } from './make-table.ts'
import type { CatalogueTable } from './catalogue.ts'

/** Key values as the server reads them, by column number: survives a restart as JSON, and a rename. */
export type KeyList = { ids: readonly number[]; values: readonly (readonly string[])[] }

/**
 * The COPY of some rows: the columns and the row filter that the log has, by names that no search path can bend.
 * `from` is a leaf; null: the table with all its leaves (children by inheritance are tables of their own).
 */
export function copySql(table: CatalogueTable, from: string | null, condition: string | null): string {
  const columns = table.table.columns.map((column, index) => {
    const name = quoteIdentifier(column.name)
    return table.asText[index] ? outputText(name) : name
  })
  const source = from === null ? wholeName(table) : `ONLY ${from}`
  const conditions = [condition, table.rowFilter].filter((one) => one !== null).map((one) => `(${one})`)
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''
  return `COPY (SELECT ${columns.join(', ')} FROM ${source}${where}) TO STDOUT (FORMAT binary)`
}

export function wholeName(table: Pick<CatalogueTable, 'table' | 'partitioned'>): string {
  return `${table.partitioned ? '' : 'ONLY '}${quoteName(table.table)}`
}

export function blocksCondition({ from, to }: { from: number; to: number }): string {
  return `ctid >= '(${from},0)'::pg_catalog.tid AND ctid < '(${to},0)'::pg_catalog.tid`
}

export function keyListOf(table: Table, keys: readonly Row[]): KeyList {
  return {
    ids: table.key.map((index) => table.columns[index]?.id ?? 0),
    values: keys.map((row) => table.key.map((index) => keyText(table, row, index))),
  }
}

/** An equality of the index's own operator: it may find more rows than were asked for (citext), never fewer. */
export function keysCondition(table: Table, keys: KeyList): string {
  const columns = keys.ids.map((id) => columnById(table, id))
  if (keys.values.length === 0 || columns.includes(undefined)) return 'false'
  const names = columns.map((column) => quoteIdentifier(column?.name ?? ''))
  const cast = (value: string, index: number) => `${quoteLiteral(value)}::${columns[index]?.sourceType}`
  if (names.length === 1) return `${names[0]} = ANY (ARRAY[${keys.values.map(([value = '']) => cast(value, 0)).join(', ')}])`
  return `(${names.join(', ')}) IN (VALUES ${keys.values.map((row) => `(${row.map(cast).join(', ')})`).join(', ')})`
}

function keyText(table: Table, row: Row, index: number): string {
  const column = table.columns[index]
  const value = row[index]
  if (!column || value === undefined || value === null || value === UNCHANGED)
    throw new MillraceError('BUG', { reason: `a key of ${table.schema}.${table.name} lacks a column` })
  return toPgText(column.type, value)
}
