import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { closeConnection, connect, sameServer, serverVersionOf, type Connection } from './connection.ts'
import { toSourceError } from './errors.ts'
import { readSlot } from './slot.ts'

/** Throws where the server knows no slots that survive a failover. */
export function assertFailover(connection: Connection, wanted: boolean): void {
  const version = serverVersionOf(connection)
  if (wanted && version < 170_000) throw new MillraceError('SLOT_FAILOVER', { version: Math.floor(version / 10_000) })
}

/**
 * Lets standbys keep a slot in step that was made without. Nobody may read it meanwhile; a slot that has it keeps it.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-ALTER-REPLICATION-SLOT
 */
export async function ensureFailover(connection: Connection, slot: string): Promise<boolean> {
  const found = await readSlot(connection, slot)
  if (found === null || found.failover !== false) return false
  const walsender = await connect(sameServer(connection), { replication: true })
  try {
    await walsender.query(`ALTER_REPLICATION_SLOT ${quoteIdentifier(slot)} (FAILOVER true)`)
    return true
  } catch (error) {
    throw toSourceError(error, { slot, replication: true, user: connection.user ?? 'the role', phase: 'query' })
  } finally {
    await closeConnection(walsender)
  }
}
