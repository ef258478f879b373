import type { Change } from '../../contracts/change.ts'
import type { Table } from '../../contracts/table.ts'
import { createCompaction, type Compacted, type Compaction } from './compaction.ts'
import { createKeylessCompaction } from './keyless-compaction.ts'
import { deleteKeys, deleteRowsOnce, emptyTable } from './delete-rows.ts'
import { appendHeld, rowOf } from './held-rows.ts'
import { completePartial } from './complete-partial.ts'
import { quoteTable } from './quote.ts'
import { recordDelivered } from './generation.ts'
import { prepareTable, type Session } from './session.ts'

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
  if (table.key.length === 0) await deleteRowsOnce(session, prepared, compacted.deleted.map(rowOf))
  else await deleteKeys(session, prepared, compacted.deleted)
  if (completed) await session.database.run(`INSERT INTO ${quoteTable(prepared.name)} SELECT * FROM ${quoteTable(completed)}`)
  const { source, columnar } = prepared
  await appendHeld(prepared.rows, prepared.name, { rows: compacted.rows, source, columnar })
  await recordDelivered(session, prepared, [...compacted.rows, ...compacted.partial.map(({ row }) => row)])
}
