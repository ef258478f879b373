import { UNCHANGED, tableName, type Row } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { Compacted } from './compaction.ts'
import { quoteName, quoteTable, type TableName } from './quote.ts'
import { stageTable, writerOf, type PreparedTable, type Session } from './session.ts'

/**
 * Rows of which the log did not send everything, completed from the table before anything is deleted. Where the table
 * does not hold the row either, a value would become NULL unnoticed. That is right only where something will bring it:
 *
 * - An insert (a row that came into the row filter) promises no row here: the core reads its key again, for all sinks.
 * - While a generation is open, rows are still on their way: its chunks, or its reading of incomplete keys, bring them whole.
 *   An end of it that nobody hands out leaves it open, also over restarts.
 * - Keys carried over a restart need no exception: their rows are here, with NULL where the hole is, and are the base.
 * - Before the first generation ended the table was never all here: with `--mode stream` it never is. Said once a table.
 * - After it, each row of the source is here: the generation or the stream brought it, and each change since found the
 *   row of the one before. An update without its row means that one was lost: an error, and nothing of the batch is kept.
 */
export async function completePartial(session: Session, prepared: PreparedTable, partial: Compacted['partial']): Promise<TableName | null> {
  if (partial.length === 0) return null
  const completed = await stageTable(session, 'completed', prepared.stored)
  for (const group of groupByUnsent(prepared, partial)) await completeGroup(session, prepared, { ...group, completed })
  return completed
}

type Group = { unsent: ReadonlySet<number>; owed: boolean; rows: Row[] }

/** Rows by which columns they lack; few patterns occur. Each row is followed by the key of its base. */
function groupByUnsent({ table, source }: PreparedTable, partial: Compacted['partial']): Group[] {
  const groups = new Map<string, Group>()
  for (const { row, from, owed } of partial) {
    const unsent = source.flatMap((at, column) => (row[at] === UNCHANGED ? [column] : []))
    const name = `${owed} ${unsent.join()}`
    const group = groups.get(name) ?? { unsent: new Set(unsent), owed, rows: [] }
    groups.set(name, group)
    group.rows.push([...row.map((value) => (value === UNCHANGED ? null : value)), ...table.key.map((at) => from?.[at] ?? null)])
  }
  return [...groups.values()]
}

async function completeGroup(session: Session, prepared: PreparedTable, group: Group & { completed: TableName }): Promise<void> {
  const { table, stored, source, name } = prepared
  const keys = table.key.map((at, index) => ({ ...columnOf(prepared, at), name: `millrace base ${index}` }))
  const shape = { columns: [...stored.columns, ...keys] }
  const staged = await stageTable(session, 'partial', shape)
  await writerOf(session, table, shape).appendRows(staged, group.rows, [...source, ...keys.map((_, index) => table.columns.length + index)])
  const equal = keys.map((key, index) => `sent.${quoteName(key.name)} = base.${quoteName(prepared.keyColumns[index] ?? '')}`).join(' AND ')
  if (group.owed && stored.generation === null) await findBases(session, prepared, { staged, equal })
  const values = stored.columns.map((column, at) => `${group.unsent.has(at) ? 'base' : 'sent'}.${quoteName(column.name)}`)
  await session.database.run(
    `INSERT INTO ${quoteTable(group.completed)} SELECT ${values.join(', ')} FROM ${quoteTable(staged)} AS sent LEFT JOIN ${quoteTable(name)} AS base ON ${equal}`,
  )
}

/** Each updated row must be there, where the table is all here: see `completePartial`. */
async function findBases(
  session: Session,
  { table, stored, name }: PreparedTable,
  at: { staged: TableName; equal: string },
): Promise<void> {
  const missing = await session.database.texts(
    `SELECT 'x' FROM ${quoteTable(at.staged)} AS sent ANTI JOIN ${quoteTable(name)} AS base ON ${at.equal} LIMIT 1`,
  )
  if (missing.length === 0) return
  const facts = { sink: session.sink, table: tableName(table) }
  if (stored.whole) throw new MillraceError('SINK_PARTIAL_ROW', facts)
  if (session.incomplete.has(table.id)) return
  session.incomplete.add(table.id)
  session.log.warn('sink.rows.incomplete', facts)
}

function columnOf({ table, stored }: PreparedTable, at: number) {
  const column = stored.columns.find(({ id }) => id === table.columns[at]?.id)
  if (!column) throw new RangeError(`no stored column for ${at}`)
  return column
}
