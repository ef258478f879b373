import type { RowsBatch } from '../../contracts/batch.ts'
import type { Table } from '../../contracts/table.ts'
import { createDelivered, deliveredColumn, deliveredKeys, dropDelivered } from './delivered-keys.ts'
import { appendHeld, type HeldRow } from './held-rows.ts'
import { quoteName, quoteTable } from './quote.ts'
import { createKeyRanges } from './key-ranges.ts'
import { emptyTable } from './delete-rows.ts'
import { prepareTable, type PreparedTable, type Session } from './session.ts'
import type { StoredTable } from './shape.ts'

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
  await dropDelivered(session, table)
  if (tracked) await createDelivered(session, stored)
  if (await isEmpty(session, prepared)) session.pristine.set(table.id, createKeyRanges())
  await remember(session, { ...stored, generation, tracked })
}

export async function endGeneration(session: Session, table: Table): Promise<void> {
  const prepared = await prepareTable(session, table)
  if (prepared.stored.tracked) {
    const side = deliveredKeys(session, table)
    const equal = prepared.keyColumns.map((name, at) => `delivered.${deliveredColumn(at)} = stored.${quoteName(name)}`).join(' AND ')
    await session.database.run(
      `DELETE FROM ${quoteTable(prepared.name)} AS stored WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(side)} AS delivered WHERE ${equal})`,
    )
    await dropDelivered(session, table)
    session.dirty.add(table.id)
  }
  session.pristine.delete(table.id)
  await remember(session, { ...prepared.stored, generation: null, tracked: false, whole: true })
}

/** What the stream delivers while a generation is open belongs to it. */
export async function recordDelivered(session: Session, prepared: PreparedTable, rows: readonly HeldRow[]): Promise<void> {
  const { stored, table, columnar } = prepared
  if (stored.tracked) await appendHeld(prepared.keys, deliveredKeys(session, table), { rows, source: table.key, columnar })
}

export async function recordDeliveredChunk(session: Session, prepared: PreparedTable, batch: RowsBatch): Promise<void> {
  if (!prepared.stored.tracked) return
  const side = deliveredKeys(session, prepared.table)
  if (prepared.columnar) await prepared.keys.appendColumns(side, batch.columns(), prepared.table.key)
  else await prepared.keys.appendRows(side, batch.rows(), prepared.table.key)
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
