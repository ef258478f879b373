import type { TransactionId } from '../../contracts/position.ts'
import type { Holder } from '../../contracts/source.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'
import { low32, parseSnapshot, type Snapshot } from './visibility.ts'

/** A fresh snapshot of the server. */
export async function readSnapshot(connection: Connection): Promise<Snapshot> {
  const [row] = await queryRows(connection, 'SELECT pg_current_snapshot()::text')
  return parseSnapshot(row?.[0] ?? '0:0:')
}

/**
 * Transactions that hold an id now, prepared ones too. A transaction locks its own id until it has left the list of
 * running ones, so one whose commit is in the log and which nobody sees yet is here as well.
 * Subtransactions lock ids of their own: they are never in the stream, and are gone when their parents are.
 */
export async function readRunning(connection: Connection): Promise<readonly TransactionId[]> {
  const rows = await queryRows(
    connection,
    `SELECT transactionid::text FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted`,
  )
  return rows.map(([xid]) => low32(BigInt(xid ?? 0)))
}

/** Who keeps these transactions open: process ids and ages, never statements. */
export async function readHolders(connection: Connection, xids: readonly TransactionId[]): Promise<readonly Holder[]> {
  if (xids.length === 0) return []
  const list = xids.map((xid) => quoteLiteral(String(xid))).join(', ')
  const rows = await queryRows(
    connection,
    `SELECT DISTINCT ON (l.transactionid::text) l.transactionid::text, a.pid::text,
       (1000 * extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)))::int8::text,
       CASE WHEN p.transaction IS NOT NULL THEN 'prepared' ELSE coalesce(a.state, 'unknown') END
     FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
     WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.transactionid::text IN (${list})
     ORDER BY l.transactionid::text, a.pid`,
  )
  return rows.map(([xid, pid, age, state]) => ({
    xid: Number(xid),
    pid: pid ? Number(pid) : null,
    ageMs: Number(age ?? 0),
    state: state ?? 'unknown',
  }))
}
