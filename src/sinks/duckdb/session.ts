import type { Log } from '../../contracts/sink.ts'
import { tableName, type Row, type Table } from '../../contracts/table.ts'
import { createChunkWriter, type ChunkWriter } from './chunk-writer.ts'
import type { Database } from './client.ts'
import type { DuckdbConfig } from './config.ts'
import { retypeDelivered } from './delivered-keys.ts'
import { alterTable, createTable, missingBeyondLiterals, rebuildTable, refuseForeignTable } from './ddl.ts'
import type { KeyRanges } from './key-ranges.ts'
import { createMisfit } from './misfit.ts'
import { quoteName, quoteTable, type TableName } from './quote.ts'
import type { Records } from './records.ts'
import { compareShape, newShape, refuseNameClash, storedTypeOf, type StoredTable } from './shape.ts'

/** An open file, and what is known of its tables. Known things are forgotten with a rolled back transaction: see `reload`. */
export type Session = {
  database: Database
  records: Records
  sink: string
  pipeline: string
  onValue: DuckdbConfig['onValue']
  log: Log
  tables: Map<number, StoredTable>
  prepared: Map<number, PreparedTable>
  /** Tables that this transaction deleted from or updated: DuckDB does not alter them any more. */
  dirty: Set<number>
  /** By column, how many values this transaction changed because their column cannot hold them. */
  changed: Map<string, number>
  /** Tables that were empty when a snapshot began and that only its chunks wrote since, by what of their keys is there. */
  pristine: Map<number, KeyRanges>
  /** Tables of which it was said that they hold rows in part. */
  incomplete: Set<number>
}

/** A table ready to be written at one version. `source[j]` is the place of the stored column j in a row. */
export type PreparedTable = {
  table: Table
  stored: StoredTable
  name: TableName
  source: readonly number[]
  keyColumns: readonly string[]
  rows: ChunkWriter
  keys: ChunkWriter
  /** Whether every column takes a columnar source as it is. */
  columnar: boolean
}

/** Brings the table in DuckDB to this description, making it where it is missing. */
export async function prepareTable(session: Session, table: Table): Promise<PreparedTable> {
  const known = session.prepared.get(table.id)
  if (known && known.table.version === table.version) return known
  refuseNameClash(session.sink, table)
  const stored = await adaptTable(session, table)
  session.tables.set(table.id, stored)
  const prepared = prepare(session, table, stored)
  session.prepared.set(table.id, prepared)
  return prepared
}

async function adaptTable(session: Session, table: Table): Promise<StoredTable> {
  const { database } = session
  const stored = session.tables.get(table.id)
  if (!stored) return addTable(session, table)
  session.pristine.delete(table.id)
  const change = compareShape(stored, table, { dirty: session.dirty.has(table.id) })
  const from = tablePlace(session, stored)
  const to = tablePlace(session, change.next)
  const added = table.columns.filter(({ id }) => !stored.columns.some((old) => old.id === id))
  if (stored.schema !== table.schema || stored.name !== table.name) await makeRoom(session, table)
  // Altered once more in this transaction, it would have to be made anew.
  if (change.kind === 'alter' && (await alterTable(database, from, change))) session.dirty.add(table.id)
  if (change.kind === 'rebuild') await rebuildTable(database, { table: stored, name: from }, { table: change.next, name: to, added })
  if (change.next.tracked) await retypeDelivered(session, stored, change.next)
  if (change.kind !== 'none') await fillMissing(session, table, change.next)
  if (change.next.version !== stored.version || change.kind !== 'none') await session.records.saveTable(change.next)
  return change.next
}

async function addTable(session: Session, table: Table): Promise<StoredTable> {
  await makeRoom(session, table)
  const stored = newShape(table)
  await createTable(session.database, stored, tablePlace(session, stored))
  await session.records.saveTable(stored)
  return stored
}

/**
 * Another relation of ours stands under this name. Known to be gone at the source, its rows go too; else it may live
 * on under a name not heard of yet (two tables that swapped names): it is kept aside until then.
 */
async function makeRoom(session: Session, table: Table): Promise<void> {
  for (const other of [...session.tables.values()]) {
    if (other.id === table.id || other.schema !== table.schema || other.name !== table.name) continue
    session.prepared.delete(other.id)
    if (other.gone) {
      await session.database.run(`DROP TABLE ${quoteTable(tablePlace(session, other))}`)
      session.tables.delete(other.id)
    } else await setAside(session, other)
  }
  await refuseForeignTable(session.database, session.sink, table)
}

async function setAside(session: Session, other: StoredTable): Promise<void> {
  const aside = { ...other, name: `${other.name} (table ${other.id})`, version: '' }
  await session.database.run(`ALTER TABLE ${quoteTable(tablePlace(session, other))} RENAME TO ${quoteName(aside.name)}`)
  session.tables.set(other.id, aside)
  await session.records.saveTable(aside)
  session.log.warn('sink.table.aside', { sink: session.sink, table: tableName(other), name: aside.name })
}

/** What rows stored before a column was added hold: an update, because no literal says these values. */
async function fillMissing(session: Session, table: Table, stored: StoredTable): Promise<void> {
  const before = session.tables.get(table.id)
  const added = table.columns.filter(({ id }) => !before?.columns.some((old) => old.id === id))
  const columns = missingBeyondLiterals(stored, added)
  if (columns.length === 0) return
  const staged = { ...stored, columns: stored.columns.filter(({ id }) => columns.some((column) => column.id === id)), key: [] }
  const ordered = staged.columns.map(({ id }) => columns.find((column) => column.id === id)?.missing ?? null)
  const temporary = await stageTable(session, 'missing', staged)
  await writerOf(session, table, staged).appendRows(
    temporary,
    [ordered as Row],
    ordered.map((_, at) => at),
  )
  const assignments = staged.columns.map(({ name }) => `${quoteName(name)} = missing.${quoteName(name)}`)
  await session.database.run(
    `UPDATE ${quoteTable(tablePlace(session, stored))} SET ${assignments.join(', ')} FROM ${quoteTable(temporary)} AS missing`,
  )
  session.dirty.add(table.id)
}

/** An empty temporary table of these columns. */
export async function stageTable(session: Session, name: string, stored: Pick<StoredTable, 'columns'>): Promise<TableName> {
  const columns = stored.columns.map((column) => `${quoteName(column.name)} ${storedTypeOf(column).sql}`)
  await session.database.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(name)} (${columns.join(', ')})`)
  return { catalog: 'temp', schema: 'main', name }
}

export function writerOf(session: Session, table: Table, stored: Pick<StoredTable, 'columns'>): ChunkWriter {
  const columns = stored.columns.map((column) => {
    const name = `${tableName(table)}.${column.name}`
    const count = () => session.changed.set(name, (session.changed.get(name) ?? 0) + 1)
    return { type: storedTypeOf(column), misfit: createMisfit({ sink: session.sink, table, column, onValue: session.onValue, count }) }
  })
  return createChunkWriter(session.database, columns)
}

export function tablePlace(session: Session, { schema, name }: { schema: string; name: string }): TableName {
  return { catalog: session.database.catalog, schema, name }
}

function prepare(session: Session, table: Table, stored: StoredTable): PreparedTable {
  const keys = table.key.flatMap((at) => stored.columns.filter(({ id }) => id === table.columns[at]?.id))
  return {
    table,
    stored,
    name: tablePlace(session, stored),
    source: stored.columns.map(({ id }) => table.columns.findIndex((column) => column.id === id)),
    keyColumns: keys.map(({ name }) => name),
    rows: writerOf(session, table, stored),
    keys: writerOf(session, table, { columns: keys }),
    columnar: stored.columns.every(({ widened }) => !widened),
  }
}
