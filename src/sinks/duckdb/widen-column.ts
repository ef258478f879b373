import { MillraceError } from '../../errors/millrace-error.ts'
import type { ColumnTooNarrow } from './misfit.ts'
import { tableName, type Table } from '../../contracts/table.ts'
import { createDelivered, deliveredKeys, dropDelivered } from './delivered-keys.ts'
import { createTable, replaceTable } from './ddl.ts'
import { quoteTable } from './quote.ts'
import { createValueReader } from './read-values.ts'
import { readChunk, scanTable } from './scan.ts'
import { tablePlace, writerOf, type Session } from './session.ts'
import { storedTypeOf, type StoredTable } from './shape.ts'

/**
 * Gives a column a type that holds every value, in a transaction of its own: the rows are read and written in their
 * canonical form, so none changes. The position stays: the write that met the value is rolled back and begins again.
 */
export async function widenColumn(session: Session, { table, columnId }: ColumnTooNarrow): Promise<void> {
  const stored = session.tables.get(table.id)
  if (!stored?.columns.some(({ id, widened }) => id === columnId && !widened))
    throw new MillraceError('BUG', { reason: 'a column cannot be widened' })
  const next: StoredTable = {
    ...stored,
    columns: stored.columns.map((column) => (column.id === columnId ? { ...column, widened: true } : column)),
  }
  const name = tablePlace(session, stored)
  const temporary = { ...name, name: `millrace rebuilds ${name.name}` }
  await createTable(session.database, next, temporary)
  const asStored = {
    ...table,
    columns: stored.columns.map((column) => ({ ...column, sourceType: '', typeOid: 0, typeModifier: 0, nullable: true })),
  }
  const writer = writerOf(session, table, next)
  for await (const rows of scanTable(session, asStored, null)) {
    await writer.appendRows(
      temporary,
      rows,
      next.columns.map((_, at) => at),
    )
  }
  await replaceTable(session.database, { old: name, temporary, name })
  if (stored.tracked && stored.key.includes(columnId)) await widenDelivered(session, table, { stored, next })
  await session.records.saveTable(next)
  session.log.info('sink.column.widened', {
    sink: session.sink,
    table: tableName(table),
    column: stored.columns.find(({ id }) => id === columnId)?.name,
  })
}

/** The keys that the open generation delivered are compared with the rows' own: they take the same form. */
async function widenDelivered(session: Session, table: Table, { stored, next }: { stored: StoredTable; next: StoredTable }): Promise<void> {
  const keysOf = ({ key, columns }: StoredTable) => key.flatMap((id) => columns.filter((column) => column.id === id))
  const place = deliveredKeys(session, table)
  const readers = keysOf(stored).map((column) => createValueReader(storedTypeOf(column)))
  // As committed: this transaction began with the widening.
  const delivered = session.database.stream(`SELECT * FROM ${quoteTable(place)}`)
  const first = await delivered.next()
  await dropDelivered(session, table)
  await createDelivered(session, next)
  const writer = writerOf(session, table, { columns: keysOf(next) })
  for (let piece = first; !piece.done; piece = await delivered.next()) {
    await writer.appendRows(
      place,
      readChunk(piece.value, readers),
      readers.map((_, at) => at),
    )
  }
}
