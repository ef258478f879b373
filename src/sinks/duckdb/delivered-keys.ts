import type { Table } from '../../contracts/table.ts'
import { quoteTable, type TableName } from './quote.ts'
import { deliveredName } from './records.ts'
import type { Session } from './session.ts'
import { keyTypes, type StoredTable } from './shape.ts'

/** The keys that the open generation, or the stream since its begin, delivered: a table beside, of columns `k0`, `k1` … */
export function deliveredKeys(session: Session, table: Pick<Table, 'schema' | 'name' | 'id'>): TableName {
  return deliveredName(session.database, table, session)
}

export function deliveredColumn(index: number): string {
  return `k${index}`
}

export async function createDelivered(session: Session, stored: StoredTable): Promise<void> {
  const columns = keyTypes(stored).map((type, index) => `${deliveredColumn(index)} ${type}`)
  await session.database.run(`CREATE TABLE ${quoteTable(deliveredKeys(session, stored))} (${columns.join(', ')})`)
}

export async function dropDelivered(session: Session, table: Pick<Table, 'schema' | 'name' | 'id'>): Promise<void> {
  await session.database.run(`DROP TABLE IF EXISTS ${quoteTable(deliveredKeys(session, table))}`)
}

/** A key column has another type: the keys are converted as the rows themselves are (ddl.ts), so that they stay equal. */
export async function retypeDelivered(session: Session, before: StoredTable, now: StoredTable): Promise<void> {
  const types = keyTypes(now)
  for (const [index, old] of keyTypes(before).entries()) {
    const [column, type] = [deliveredColumn(index), types[index] ?? old]
    if (type === old) continue
    await session.database.run(
      `ALTER TABLE ${quoteTable(deliveredKeys(session, now))} ALTER COLUMN ${column} SET DATA TYPE ${type} USING TRY_CAST(${column} AS ${type})`,
    )
  }
}
