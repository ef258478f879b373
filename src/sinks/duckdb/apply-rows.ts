import type { RowsBatch } from '../../contracts/batch.ts'
import { deleteStaged, stageKeys } from './delete-rows.ts'
import { recordDeliveredChunk } from './generation.ts'
import { prepareTable, type PreparedTable, type Session } from './session.ts'

/** Writes a snapshot chunk's rows in place of those with the same keys: the stream, or an earlier read, may have brought them. */
export async function applyRows(session: Session, batch: RowsBatch): Promise<void> {
  const prepared = await prepareTable(session, batch.table)
  if (batch.rowCount === 0) return
  if (batch.table.key.length > 0 && !bringsNewKeys(session, batch)) await deleteChunkKeys(session, prepared, batch)
  if (prepared.columnar) await prepared.rows.appendColumns(prepared.name, batch.columns(), prepared.source)
  else await prepared.rows.appendRows(prepared.name, batch.rows(), prepared.source)
  await recordDeliveredChunk(session, prepared, batch)
}

function bringsNewKeys(session: Session, batch: RowsBatch): boolean {
  const [first, second] = batch.table.key
  const ranges = session.pristine.get(batch.table.id)
  if (!ranges || first === undefined || second !== undefined) return false
  return ranges.claim(batch.columns().vectors[first], batch.rowCount)
}

async function deleteChunkKeys(session: Session, prepared: PreparedTable, batch: RowsBatch): Promise<void> {
  const staged = await stageKeys(session, prepared)
  if (prepared.columnar) await prepared.keys.appendColumns(staged, batch.columns(), prepared.table.key)
  else await prepared.keys.appendRows(staged, batch.rows(), prepared.table.key)
  await deleteStaged(session, prepared, staged)
}
