import type { Position, TransactionId } from '../../contracts/position.ts'
import type { SourceContext } from '../../contracts/definition.ts'
import { printCatalogue } from './catalogue-print.ts'
import { quoteIdentifier, quoteLiteral } from './catalogue-sql.ts'
import { closeConnection, connect, sameServer, type Connection } from './connection.ts'
import { toSourceError } from './errors.ts'
import { ensureFailover } from './failover.ts'
import { lsnToPosition } from './lsn.ts'
import { queryAll, queryRows } from './query.ts'
import { rememberReader } from './reader.ts'
import { readRunning } from './running.ts'
import { checkUsable, dropSlot, identify, noteSlot, readFact, readSlot, waitForSlot, type Slot } from './slot.ts'
import { parseSnapshot, visibleBefore } from './visibility.ts'

export type SlotOptions = {
  slot: string
  state: SourceContext['state']
  log: SourceContext['log']
  /** Whether standbys may keep it in step. */
  failover: boolean
}
type Made = { position: Position; running: readonly TransactionId[] }

/** After so many makings, and so long, the last is taken as it is: where tables are emptied all the time a slot is wanted too. */
const ATTEMPTS = 5
const ATTEMPTS_MS = 10_000

/**
 * Makes the slot, with a snapshot of its first moment. A transaction that committed in the log just before may still be
 * running for everybody else: it is in no chunk and never in the stream. The exported snapshot was built from the log and
 * sees it; a fresh one does not. These are `running`: no chunk starts before they are visible (snapshots.md, point 1).
 */
export async function createSlot(connection: Connection, options: SlotOptions): Promise<Made> {
  const { slot, state } = options
  const { system } = await identify(connection)
  const existing = await readSlot(connection, slot)
  const fact = await readFact(state)
  if (existing && fact?.slot === slot) await dropSlot(connection, slot, state)
  else if (existing) return adoptSlot(connection, options, existing)
  await noteSlot(state, { slot, system, complete: false })
  const made = await createDecodable(connection, options)
  await noteSlot(state, { slot, system, complete: true })
  return made
}

/**
 * A server bug (14 to 18): a transaction that commits while the slot is being made, and that others see only a moment later
 * (while it waits for a synchronous standby, say), is never seen by the slot's own picture of the catalogue. If it replaced a
 * table's file (TRUNCATE, VACUUM FULL, a rewriting ALTER), the slot can never decode what comes after ("could not map
 * filenumber"); if it added a column, the slot would not know it. Such a transaction ends for others before the slot is made,
 * so the catalogue before and after differs: then the slot is made again. Nothing was delivered of it yet.
 */
async function createDecodable(connection: Connection, options: SlotOptions): Promise<Made> {
  const { slot, state, log } = options
  const startedMs = performance.now()
  for (let attempt = 1; ; attempt++) {
    const before = await printCatalogue(connection)
    const made = await createWithSnapshot(connection, options)
    if ((await printCatalogue(connection)) === before) return made
    const reason = 'tables were made, changed or emptied meanwhile, and the server may not be able to decode what follows'
    const isLast = attempt >= ATTEMPTS && performance.now() - startedMs > ATTEMPTS_MS
    log.warn(isLast ? 'slot-doubtful' : 'slot-made-again', { slot, attempt, reason })
    if (isLast) return made
    await dropSlot(connection, slot, state)
  }
}

async function createWithSnapshot(connection: Connection, { slot, state, failover }: SlotOptions): Promise<Made> {
  const walsender = await connect(sameServer(connection), { replication: true })
  try {
    // Making a slot waits for running transactions, however long, and holds the slot meanwhile.
    await rememberReader(walsender, state)
    const how = failover ? `(SNAPSHOT 'export', FAILOVER)` : 'EXPORT_SNAPSHOT'
    const made = await walsender.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} LOGICAL pgoutput ${how}`,
    )
    const row = made.rows[0]! // the command always answers with one row
    const [imported] = await queryAll(
      connection,
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(row.snapshot_name)}; SELECT pg_current_snapshot()::text; COMMIT`,
    )
    const [fresh] = await queryRows(connection, 'SELECT pg_current_snapshot()::text')
    const running = visibleBefore(parseSnapshot(imported?.[0]?.[0] ?? ''), parseSnapshot(fresh?.[0] ?? ''))
    return { position: lsnToPosition(row.consistent_point), running }
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => {})
    throw toSourceError(error, { slot, replication: true, user: connection.user ?? 'the role', phase: 'query' })
  } finally {
    await closeConnection(walsender)
  }
}

/** A slot that somebody made for us. Its first snapshot is gone: every transaction running now counts as invisible. */
async function adoptSlot(connection: Connection, { slot, state, failover }: SlotOptions, existing: Slot): Promise<Made> {
  checkUsable(connection, slot, existing)
  await waitForSlot(connection, slot, { state })
  if (failover) await ensureFailover(connection, slot)
  const { system } = await identify(connection)
  await noteSlot(state, { slot, system, complete: true })
  return { position: existing.confirmed ?? '0'.repeat(16), running: await readRunning(connection) }
}
