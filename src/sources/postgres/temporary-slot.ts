import type { Position, TransactionId } from '../../contracts/position.ts'
import { quoteIdentifier, quoteLiteral } from './catalogue-sql.ts'
import { connect, destroyConnection, sameServer, type Connection } from './connection.ts'
import { toSourceError } from './errors.ts'
import { lsnToPosition } from './lsn.ts'
import { queryAll, queryRows } from './query.ts'
import { parseSnapshot, visibleBefore } from './visibility.ts'

/** A slot that lives as long as the connection that made it, and that only this connection can read. */
export type TemporarySlot = {
  walsender: Connection
  position: Position
  /** As in Source.begin; nothing where no rows are to be read. */
  running: readonly TransactionId[]
}

/**
 * Makes a temporary slot: the server drops it with the session, whatever ends that.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
 */
export async function createTemporarySlot(
  control: Connection,
  { slot, withRows, signal }: { slot: string; withRows: boolean; signal: AbortSignal },
): Promise<TemporarySlot> {
  const walsender = await connect(sameServer(control), { replication: true, gulp: true, signal })
  // It waits for transactions of others, without looking whether we are still there.
  const giveUp = () => void endReader(control, slot).catch(() => destroyConnection(walsender))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    signal.throwIfAborted()
    const made = await walsender.query<{ consistent_point: string; snapshot_name: string | null }>(
      `CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} TEMPORARY LOGICAL pgoutput ${withRows ? 'EXPORT_SNAPSHOT' : 'NOEXPORT_SNAPSHOT'}`,
    )
    const row = made.rows[0]! // the command always answers with one row
    const running = withRows ? await runningAt(control, row.snapshot_name ?? '') : []
    return { walsender, position: lsnToPosition(row.consistent_point), running }
  } catch (error) {
    destroyConnection(walsender)
    throw toSourceError(error, { slot, replication: true, user: control.user ?? 'the role', phase: 'query' })
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function endReader(connection: Connection, slot: string): Promise<void> {
  await queryRows(
    connection,
    `SELECT pg_terminate_backend(active_pid)::text FROM pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)} AND active_pid IS NOT NULL`,
  )
}

/** Whether the slot is there, and with it the session that made it. */
export async function hasSlot(connection: Connection, slot: string): Promise<boolean> {
  return (await queryRows(connection, `SELECT 'is' FROM pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)}`)).length > 0
}

/** Transactions that the slot's first moment counts as committed and that a fresh snapshot may not see yet (see createSlot). */
async function runningAt(control: Connection, snapshot: string): Promise<readonly TransactionId[]> {
  try {
    const [imported] = await queryAll(
      control,
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}; SELECT pg_current_snapshot()::text; COMMIT`,
    )
    const [fresh] = await queryRows(control, 'SELECT pg_current_snapshot()::text')
    return visibleBefore(parseSnapshot(imported?.[0]?.[0] ?? ''), parseSnapshot(fresh?.[0] ?? ''))
  } catch (error) {
    await control.query('ROLLBACK').catch(() => {})
    throw error
  }
}
