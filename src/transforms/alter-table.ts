import { createHash } from 'node:crypto'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'

/** The table with other parts, under a version that says so: equal for equal descriptions, in every process. */
export function alterTable(table: Table, parts: Partial<Pick<Table, 'schema' | 'name' | 'columns' | 'key'>>): Table {
  const altered = { ...table, ...parts }
  const { schema, name, id, columns, key, identity } = altered
  // As the source's own version: what rows stored before a column was added hold is no part of the shape.
  const shape = columns.map(({ missing: _, ...column }) => column)
  const version = createHash('sha256')
    .update(JSON.stringify([schema, name, id, shape, key, identity]))
    .digest('hex')
    .slice(0, 32)
  return { ...altered, version }
}

/** The table with only these columns, in its own order. Without all of its key it has none: part of a key names no row. */
export function narrowTable(transform: string, table: Table, kept: readonly number[]): Table {
  if (kept.length === 0) throw new MillraceError('TRANSFORM_NO_COLUMNS', { transform, table: `${table.schema}.${table.name}` })
  const key = table.key.map((index) => kept.indexOf(index))
  return alterTable(table, { columns: table.columns.filter((_, index) => kept.includes(index)), key: key.includes(-1) ? [] : key })
}
