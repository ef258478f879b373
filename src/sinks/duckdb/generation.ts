import type { RowsBatch } from '../../contracts/batch.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { quoteName, quoteTable, type TableName } from './quote.ts'
import { createKeyRanges } from './key-ranges.ts'
import { deliveredName } from './records.ts'
import { emptyTable } from './delete-rows.ts'
import { prepareTable, type PreparedTable, type Session } from './session.ts'
import { storedTypeOf, type StoredTable } from './shape.ts'

/**
 * A generation of a snapshot. Rows of an earlier one that this one does not deliver, nor the stream meanwhile, are
 * gone at the source: the keys delivered are kept beside until the end, and the others deleted then. A table without
 * a key is copied whole, so it is emptied at the begin.
 */
export async function beginGeneration(
  session: Session,
  table: Table,
  { generation, fresh }: { generation: string; fresh: boolean },
): Promise<void> {
  const prepared = await prepareTable(session, table)
  const { stored } = prepared
  const isKeyed = table.key.length > 0
  if (isKeyed && stored.generation === generation) return
  if (!isKeyed) await emptyTable(session, prepared)
  const tracked = isKeyed && !fresh
  await session.database.run(`DROP TABLE IF EXISTS ${quoteTable(sideTable(session, table))}`)
  if (tracked) await createSideTable(session, prepared)
  if (await isEmpty(session, prepared)) session.pristine.set(table.id, createKeyRanges())
  await remember(session, { ...stored, generation, tracked })
}

export async function endGeneration(session: Session, table: Table): Promise<void> {
  const prepared = await prepareTable(session, table)
  const side = sideTable(session, table)
  if (prepared.stored.tracked) {
    const equal = prepared.keyColumns.map((name, at) => `delivered.${keyName(at)} = stored.${quoteName(name)}`).join(' AND ')
    await session.database.run(
      `DELETE FROM ${quoteTable(prepared.name)} AS stored WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(side)} AS delivered WHERE ${equal})`,
    )
    await session.database.run(`DROP TABLE ${quoteTable(side)}`)
    session.dirty.add(table.id)
  }
  session.pristine.delete(table.id)
  await remember(session, { ...prepared.stored, generation: null, tracked: false })
}

/** What the stream delivers while a generation is open belongs to it. */
export async function recordDelivered(session: Session, prepared: PreparedTable, rows: readonly Row[]): Promise<void> {
  if (prepared.stored.tracked) await prepared.keys.appendRows(sideTable(session, prepared.table), rows, prepared.table.key)
}

export async function recordDeliveredChunk(session: Session, prepared: PreparedTable, batch: RowsBatch): Promise<void> {
  if (!prepared.stored.tracked) return
  const side = sideTable(session, prepared.table)
  if (prepared.columnar) await prepared.keys.appendColumns(side, batch.columns(), prepared.table.key)
  else await prepared.keys.appendRows(side, batch.rows(), prepared.table.key)
}

async function createSideTable(session: Session, { table, stored }: PreparedTable): Promise<void> {
  const columns = table.key.map((at, index) => {
    const column = stored.columns.find(({ id }) => id === table.columns[at]?.id)
    return `${keyName(index)} ${column ? storedTypeOf(column).sql : 'VARCHAR'}`
  })
  await session.database.run(`CREATE TABLE ${quoteTable(sideTable(session, table))} (${columns.join(', ')})`)
}

function sideTable(session: Session, table: Table): TableName {
  return deliveredName(session.database, table, session)
}

function keyName(index: number): string {
  return `k${index}`
}

async function isEmpty(session: Session, { name }: PreparedTable): Promise<boolean> {
  return (await session.database.texts(`SELECT 'x' FROM ${quoteTable(name)} LIMIT 1`)).length === 0
}

async function remember(session: Session, stored: StoredTable): Promise<void> {
  session.tables.set(stored.id, stored)
  const prepared = session.prepared.get(stored.id)
  if (prepared) session.prepared.set(stored.id, { ...prepared, stored })
  await session.records.saveTable(stored)
}
