import { tableName, type Column, type Table, type Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { Database } from './client.ts'
import { foldName, quoteName, quoteTable, quoteText, type TableName } from './quote.ts'
import { storedTypeOf, type ShapeChange, type StoredColumn, type StoredTable } from './shape.ts'

export async function createTable(database: Database, table: StoredTable, name: TableName): Promise<void> {
  await database.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(name.catalog)}.${quoteName(name.schema)}`)
  await database.run(`CREATE TABLE ${quoteTable(name)} (${columnList(table)})`)
}

/** A table of this name that another made must not be written, nor dropped. */
export async function refuseForeignTable(database: Database, sink: string, table: Table): Promise<void> {
  const found = await database.texts(
    `SELECT table_name FROM information_schema.tables WHERE table_catalog = ${quoteText(database.catalog)}
     AND lower(table_schema) = ${quoteText(foldName(table.schema))} AND lower(table_name) = ${quoteText(foldName(table.name))}`,
  )
  if (found.length > 0) throw new MillraceError('SINK_TABLE_CLASH', { sink, table: tableName(table) })
}

/**
 * Alters in place: fast whatever the table's size. What a literal cannot say is filled afterwards by `fillMissing`.
 * True where rows were written too: DuckDB 1.5 writes the default into every row unless it is a bare constant, and a COMMIT fails
 * ("another transaction has altered this table") where the table was altered after its rows were written. So a
 * default is given to the last column alone; others come empty, in their order, and are filled at the end.
 */
export async function alterTable(database: Database, old: TableName, change: Extract<ShapeChange, { kind: 'alter' }>): Promise<boolean> {
  const name = { ...old, name: change.next.name }
  if (name.name !== old.name) await database.run(`ALTER TABLE ${quoteTable(old)} RENAME TO ${quoteName(name.name)}`)
  const alter = `ALTER TABLE ${quoteTable(name)}`
  for (const column of change.dropped) await database.run(`${alter} DROP COLUMN ${quoteName(column)}`)
  for (const { from, to } of change.renamed) await database.run(`${alter} RENAME COLUMN ${quoteName(from)} TO ${quoteName(to)}`)
  for (const column of change.loosened) await database.run(`${alter} ALTER COLUMN ${quoteName(column)} DROP NOT NULL`)
  const added = change.added.map((column) => {
    const stored = change.next.columns.find(({ id }) => id === column.id) as StoredColumn // `next` holds what is added
    return { stored, literal: literalOf(stored, column.missing) }
  })
  const filled = added.filter(({ literal }) => literal !== null)
  const last = filled.length === 1 && filled[0] === added.at(-1) ? filled[0] : undefined
  for (const { stored } of last ? added.slice(0, -1) : added) await database.run(`${alter} ADD COLUMN ${definition(stored)}`)
  if (last) {
    await database.run(`${alter} ADD COLUMN ${definition(last.stored)} DEFAULT ${last.literal}`)
    await database.run(`${alter} ALTER COLUMN ${quoteName(last.stored.name)} DROP DEFAULT`)
  } else if (filled.length > 0) {
    const assignments = filled.map(({ stored, literal }) => `${quoteName(stored.name)} = ${literal}`)
    await database.run(`UPDATE ${quoteTable(name)} SET ${assignments.join(', ')}`)
  }
  return filled.length > 0
}

/**
 * Makes the table anew from its own rows: for what DuckDB cannot alter, or not in this transaction. A value that its
 * column's new type refuses becomes null, a row whose key it refuses is left out: the source is read again after a retype.
 */
export async function rebuildTable(
  database: Database,
  from: { table: StoredTable; name: TableName },
  to: { table: StoredTable; name: TableName; added: readonly Column[] },
) {
  const temporary = { ...to.name, name: `millrace rebuilds ${to.name.name}` }
  await createTable(database, to.table, temporary)
  const values = to.table.columns.map((column) => conversion(from.table, column, to.added))
  const keys = to.table.columns.flatMap((column, at) => (to.table.key.includes(column.id) ? [`${values[at]} IS NOT NULL`] : []))
  const where = keys.length > 0 ? ` WHERE ${keys.join(' AND ')}` : ''
  await database.run(`INSERT INTO ${quoteTable(temporary)} SELECT ${values.join(', ')} FROM ${quoteTable(from.name)}${where}`)
  await replaceTable(database, { old: from.name, temporary, name: to.name })
}

export async function replaceTable(
  database: Database,
  { old, temporary, name }: { old: TableName; temporary: TableName; name: TableName },
) {
  await database.run(`DROP TABLE ${quoteTable(old)}`)
  await database.run(`ALTER TABLE ${quoteTable(temporary)} RENAME TO ${quoteName(name.name)}`)
}

/** Columns added with a value for the rows already there that no literal says; `fill` makes a one-row table of them. */
export function missingBeyondLiterals(table: StoredTable, added: readonly Column[]): Column[] {
  return added.filter((column) => {
    const stored = table.columns.find(({ id }) => id === column.id)
    return (column.missing ?? null) !== null && stored !== undefined && literalOf(stored, column.missing) === null
  })
}

export function columnList(table: StoredTable): string {
  return table.columns.map((column) => definition(column) + (table.key.includes(column.id) ? ' NOT NULL' : '')).join(', ')
}

function definition(column: StoredColumn): string {
  return `${quoteName(column.name)} ${storedTypeOf(column).sql}`
}

function conversion(from: StoredTable, column: StoredColumn, added: readonly Column[]): string {
  const old = from.columns.find(({ id }) => id === column.id)
  const { sql } = storedTypeOf(column)
  if (old) return storedTypeOf(old).sql === sql ? quoteName(old.name) : `TRY_CAST(${quoteName(old.name)} AS ${sql})`
  return literalOf(column, added.find(({ id }) => id === column.id)?.missing) ?? 'NULL'
}

/** The forms whose canonical text DuckDB reads as the same value. */
function literalOf(column: StoredColumn, value: Value | undefined): string | null {
  if (value === undefined || value === null) return null
  const type = storedTypeOf(column)
  switch (type.form) {
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return `CAST(${quoteText(String(value))} AS ${type.sql})`
    case 'float32':
    case 'float64':
      return `CAST(${quoteText(Object.is(value, -0) ? '-0' : String(value))} AS ${type.sql})`
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      // Years of four digits: others are written otherwise there, and misread.
      return /^\d{4}-/.test(value as string) ? `CAST(${quoteText(value as string)} AS ${type.sql})` : null
    case 'decimal':
      return /^-?\d/.test(value as string) ? `CAST(${quoteText(value as string)} AS ${type.sql})` : null
    case 'text':
    case 'json':
    case 'uuid':
      return `CAST(${quoteText(value as string)} AS ${type.sql})`
    default:
      return null
  }
}
