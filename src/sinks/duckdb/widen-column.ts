import { MillraceError } from '../../errors/millrace-error.ts'
import type { ColumnTooNarrow } from './misfit.ts'
import { createTable, replaceTable } from './ddl.ts'
import { scanTable } from './scan.ts'
import { tablePlace, writerOf, type Session } from './session.ts'
import type { StoredTable } from './shape.ts'
import { tableName } from '../../contracts/table.ts'

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
  await session.records.saveTable(next)
  session.log.info('sink.column.widened', {
    sink: session.sink,
    table: tableName(table),
    column: stored.columns.find(({ id }) => id === columnId)?.name,
  })
}
