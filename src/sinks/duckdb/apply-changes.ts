import type { Change } from '../../contracts/change.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { createCompaction, type Compacted, type Compaction } from './compaction.ts'
import { createKeylessCompaction } from './keyless-compaction.ts'
import { deleteKeys, deleteRowsOnce, emptyTable } from './delete-rows.ts'
import { quoteName, quoteTable, type TableName } from './quote.ts'
import { recordDelivered } from './generation.ts'
import { prepareTable, stageTable, writerOf, type PreparedTable, type Session } from './session.ts'

/** Applies changes in log order, inside the caller's transaction: tables do not depend on each other, versions of one table do. */
export async function applyChanges(session: Session, changes: readonly Change[]): Promise<void> {
  for (const compaction of compactByTable(session, changes)) await applyCompacted(session, compaction.table, compaction.finish())
}

function compactByTable(session: Session, changes: readonly Change[]): Compaction[] {
  const ordered: Compaction[] = []
  const open = new Map<number, Compaction>()
  let last: Compaction | undefined
  for (const change of changes) {
    if (change.op === 'message') continue
    if (last?.table !== change.table) {
      last = open.get(change.table.id)
      if (!last || last.table.version !== change.table.version) {
        last = startCompaction(session, change.table)
        open.set(change.table.id, last)
        ordered.push(last)
      }
    }
    if (change.op === 'truncate') last.truncate()
    else last.change(change)
  }
  return ordered
}

function startCompaction(session: Session, table: Table): Compaction {
  if (table.key.length === 0) return createKeylessCompaction(table)
  return createCompaction(table, (session.tables.get(table.id)?.generation ?? null) !== null)
}

async function applyCompacted(session: Session, table: Table, compacted: Compacted): Promise<void> {
  const prepared = await prepareTable(session, table)
  session.pristine.delete(table.id)
  if (compacted.wiped) await emptyTable(session, prepared)
  const completed = await completePartial(session, prepared, compacted.partial)
  if (table.key.length === 0) await deleteRowsOnce(session, prepared, compacted.deleted)
  else await deleteKeys(session, prepared, compacted.deleted)
  if (completed) await session.database.run(`INSERT INTO ${quoteTable(prepared.name)} SELECT * FROM ${quoteTable(completed)}`)
  await prepared.rows.appendRows(prepared.name, compacted.rows, prepared.source)
  await recordDelivered(session, prepared, [...compacted.rows, ...compacted.partial.map(({ row }) => row)])
}

/**
 * Rows of which the log did not send everything, completed from the table before anything is deleted. A row that the
 * table does not hold yet keeps NULL there: a snapshot is on its way, and its key chunk brings the row whole.
 */
async function completePartial(session: Session, prepared: PreparedTable, partial: Compacted['partial']): Promise<TableName | null> {
  if (partial.length === 0) return null
  const completed = await stageTable(session, 'completed', prepared.stored)
  for (const group of groupByUnsent(prepared, partial)) await completeGroup(session, prepared, { ...group, completed })
  return completed
}

type Group = { unsent: ReadonlySet<number>; rows: Row[] }

/** Rows by which columns they lack; few patterns occur. Each row is followed by the key of its base. */
function groupByUnsent({ table, source }: PreparedTable, partial: Compacted['partial']): Group[] {
  const groups = new Map<string, Group>()
  for (const { row, from } of partial) {
    const unsent = source.flatMap((at, column) => (row[at] === UNCHANGED ? [column] : []))
    const group = groups.get(unsent.join()) ?? { unsent: new Set(unsent), rows: [] }
    groups.set(unsent.join(), group)
    group.rows.push([...row.map((value) => (value === UNCHANGED ? null : value)), ...table.key.map((at) => from[at] ?? null)])
  }
  return [...groups.values()]
}

async function completeGroup(session: Session, prepared: PreparedTable, group: Group & { completed: TableName }): Promise<void> {
  const { table, stored, source, name } = prepared
  const keys = table.key.map((at, index) => ({ ...columnOf(prepared, at), name: `millrace base ${index}` }))
  const shape = { columns: [...stored.columns, ...keys] }
  const staged = await stageTable(session, 'partial', shape)
  await writerOf(session, table, shape).appendRows(staged, group.rows, [...source, ...keys.map((_, index) => table.columns.length + index)])
  const values = stored.columns.map((column, at) => `${group.unsent.has(at) ? 'base' : 'sent'}.${quoteName(column.name)}`)
  const equal = keys.map((key, index) => `sent.${quoteName(key.name)} = base.${quoteName(prepared.keyColumns[index] ?? '')}`)
  await session.database.run(
    `INSERT INTO ${quoteTable(group.completed)} SELECT ${values.join(', ')} FROM ${quoteTable(staged)} AS sent LEFT JOIN ${quoteTable(name)} AS base ON ${equal.join(' AND ')}`,
  )
}

function columnOf({ table, stored }: PreparedTable, at: number) {
  const column = stored.columns.find(({ id }) => id === table.columns[at]?.id)
  if (!column) throw new RangeError(`no stored column for ${at}`)
  return column
}
