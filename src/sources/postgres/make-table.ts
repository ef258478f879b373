import { createHash } from 'node:crypto'
import type { Column, LogicalType, Table } from '../../contracts/table.ts'

/** A table with its version: equal versions mean rows that can stand side by side. */
export function makeTable(parts: Omit<Table, 'version'>): Table {
  return { ...parts, version: fingerprint(parts) }
}

/**
 * What a version is made of. Left out: `missing` (a rewrite of the table forgets it, its rows stay what they are) and
 * the labels of enums (adding one changes no row, and no relation message tells of it).
 */
function fingerprint({ schema, name, id, columns, key, identity }: Omit<Table, 'version'>): string {
  const shape = columns.map((column) => [
    column.id,
    column.name,
    typeShape(column.type),
    column.sourceType,
    column.typeOid,
    column.typeModifier,
    column.nullable,
  ])
  return createHash('sha256')
    .update(JSON.stringify([schema, name, id, shape, key, identity]))
    .digest('hex')
    .slice(0, 16)
}

function typeShape(type: LogicalType): unknown {
  if (type.kind === 'text') return ['text', type.name]
  if (type.kind === 'array') return ['array', typeShape(type.of)]
  if (type.kind === 'composite') return ['composite', type.fields.map((field) => [field.name, typeShape(field.type)])]
  return type
}

/** A column found by its lasting number. */
export function columnById(table: Table, id: number): Column | undefined {
  return table.columns.find((column) => column.id === id)
}
