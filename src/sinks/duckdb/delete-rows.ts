import type { Row } from '../../contracts/table.ts'
import { appendHeld, type HeldRow } from './held-rows.ts'
import { quoteName, quoteTable, type TableName } from './quote.ts'
import { stageTable, type PreparedTable, type Session } from './session.ts'

export async function emptyTable(session: Session, { table, name }: PreparedTable): Promise<void> {
  await session.database.run(`TRUNCATE ${quoteTable(name)}`)
  session.dirty.add(table.id)
}

/** Deletes the rows with these rows' keys. */
export async function deleteKeys(session: Session, prepared: PreparedTable, keys: readonly HeldRow[]): Promise<void> {
  if (keys.length === 0) return
  const staged = await stageKeys(session, prepared)
  await appendHeld(prepared.keys, staged, { rows: keys, source: prepared.table.key, columnar: prepared.columnar })
  await deleteStaged(session, prepared, staged)
}

export function stageKeys(session: Session, { table, stored }: PreparedTable): Promise<TableName> {
  const ids = table.key.map((at) => table.columns[at]?.id)
  return stageTable(session, 'keys', { columns: ids.flatMap((id) => stored.columns.filter((column) => column.id === id)) })
}

export async function deleteStaged(session: Session, prepared: PreparedTable, staged: TableName): Promise<void> {
  const equal = prepared.keyColumns.map((name) => `stored.${quoteName(name)} = keys.${quoteName(name)}`).join(' AND ')
  await session.database.run(`DELETE FROM ${quoteTable(prepared.name)} AS stored USING ${quoteTable(staged)} AS keys WHERE ${equal}`)
  session.dirty.add(prepared.table.id)
}

/** Far below what DuckDB takes as a count of least values (a million), and enough that the table is read once a batch. */
const ROWS_AT_ONCE = 250_000

/**
 * Deletes one stored row for each row given, in a table without a key: equal rows are told apart by their row ids. Of
 * each row the first ids are kept while the table is read, as many as were given: memory is bounded by the rows given,
 * however many equal ones the table holds.
 */
export async function deleteRowsOnce(session: Session, prepared: PreparedTable, rows: readonly Row[]): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    await deleteSome(session, prepared, rows.slice(start, start + ROWS_AT_ONCE))
  }
}

async function deleteSome(session: Session, prepared: PreparedTable, rows: readonly Row[]): Promise<void> {
  const { stored, source, name, table } = prepared
  const staged = await stageTable(session, 'gone', stored)
  await prepared.rows.appendRows(staged, rows, source)
  const columns = stored.columns.map((column) => quoteName(column.name)).join(', ')
  const equal = stored.columns.map((column) => `stored.${quoteName(column.name)} IS NOT DISTINCT FROM gone.${quoteName(column.name)}`)
  await session.database.run(
    `DELETE FROM ${quoteTable(name)} WHERE rowid IN (
       SELECT unnest(min(stored.rowid, gone.times))
       FROM ${quoteTable(name)} AS stored
       JOIN (SELECT ${columns}, count(*) AS times, row_number() OVER () AS which FROM ${quoteTable(staged)} GROUP BY ${columns}) AS gone
       ON ${equal.join(' AND ')}
       GROUP BY gone.which)`,
  )
  session.dirty.add(table.id)
}
