import type { Position } from '../../contracts/position.ts'
import type { LogHealth, LogState } from '../../contracts/source.ts'
import type { SourceContext } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { lsnToPosition, passablePosition } from './lsn.ts'
import { queryRows } from './query.ts'
import { endLeftBehind, forgetReader } from './reader.ts'

type State = SourceContext['state']

/** Written before the slot is made and completed after: tells a slot of ours from one that somebody made, or made again. */
export type SlotFact = { slot: string; system: string; complete: boolean }

const FACT = 'postgres/slot'
const SLOT_WAIT_MS = 15_000

export type Slot = {
  plugin: string | null
  database: string | null
  activePid: number | null
  confirmed: Position | null
  walStatus: string
  retainedBytes: number | null
  safeBytes: number | null
  /** Whether standbys may keep it in step; null before Postgres 17. */
  failover: boolean | null
}

/** What the log says of itself. A slot whose making was cut short is none: nothing was ever read from it. */
export async function inspectLog(connection: Connection, slot: string, state: State): Promise<LogState> {
  const { system, timeline, head } = await identify(connection)
  const found = await readSlot(connection, slot)
  const fact = await readFact(state)
  const isFragment = fact !== null && fact.slot === slot && !fact.complete
  if (!found || isFragment) return { system, timeline, head, ended: [], reader: null }
  checkUsable(connection, slot, found)
  if (found.confirmed === null) return { system, timeline, head, ended: [], reader: null }
  const ours = fact !== null && fact.slot === slot && fact.system === system
  return { system, timeline, head, ended: [], reader: { confirmed: found.confirmed, lost: found.walStatus === 'lost', ours } }
}

/** The server's identity and the end of its log. The timeline is in the name of the file being written. */
export async function identify(connection: Connection): Promise<Omit<LogState, 'reader' | 'ended'>> {
  const [standby] = await queryRows(connection, 'SELECT pg_is_in_recovery()::text')
  if (standby?.[0] === 'true') throw new MillraceError('SOURCE_STANDBY')
  const [row = []] = await queryRows(
    connection,
    `SELECT system_identifier::text, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), pg_current_wal_insert_lsn()::text
     FROM pg_control_system()`,
  )
  return { system: row[0] ?? '', timeline: Number.parseInt(row[1] ?? '0', 16), head: passablePosition(row[2] ?? '0/0') }
}

/** The end of the log: everything committed before the call lies before it, and the stream can pass it. On a standby, of what it has replayed. */
export async function readHead(connection: Connection): Promise<Position> {
  const [row] = await queryRows(
    connection,
    'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text',
  )
  return passablePosition(row?.[0] ?? '0/0')
}

export async function readSlot(connection: Connection, slot: string): Promise<Slot | null> {
  const [row] = await queryRows(
    connection,
    `SELECT plugin::text, database::text, active_pid::text, confirmed_flush_lsn::text, coalesce(wal_status, 'lost'),
       CASE WHEN restart_lsn IS NOT NULL THEN pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::text END, safe_wal_size::text,
       ${serverVersionOf(connection) >= 170_000 ? 'failover::text' : 'NULL'}
     FROM pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)}`,
  )
  if (!row) return null
  const [plugin, database, pid, confirmed, walStatus, retained, safe, failover] = row
  return {
    plugin: plugin ?? null,
    database: database ?? null,
    activePid: pid ? Number(pid) : null,
    confirmed: confirmed ? lsnToPosition(confirmed) : null,
    walStatus: walStatus ?? 'lost',
    retainedBytes: retained ? Number(retained) : null,
    safeBytes: safe ? Number(safe) : null,
    failover: failover ? failover === 'true' : null,
  }
}

export function checkUsable(connection: Connection, slot: string, found: Slot): void {
  if (found.plugin !== 'pgoutput') throw new MillraceError('SLOT_PLUGIN', { slot, plugin: found.plugin ?? 'physical' })
  if (found.database !== connection.database) throw new MillraceError('SLOT_DATABASE', { slot, database: found.database ?? 'none' })
}

/** Drops the slot if it is there. Returns whether it was. */
export async function dropSlot(connection: Connection, slot: string, state: State): Promise<boolean> {
  if (!(await readSlot(connection, slot))) return false
  await waitForSlot(connection, slot, { state })
  await queryRows(connection, `SELECT pg_drop_replication_slot(${quoteLiteral(slot)})::text`)
  return true
}

/** Whether this pipeline made the slot, by its own memory. */
export async function isOurSlot(state: State, slot: string): Promise<boolean> {
  return (await readFact(state))?.slot === slot
}

/** Notes that the slot is about to be made, or is. */
export async function noteSlot(state: State, fact: SlotFact): Promise<void> {
  await state.set({ [FACT]: fact })
}

/** Forgets that a slot was ever made. */
export async function forgetSlot(state: State): Promise<void> {
  await state.delete(FACT)
  await forgetReader(state)
}

/** Until nobody reads it. A process that we left behind is ended; anybody else's is waited for, and then named. */
export async function waitForSlot(connection: Connection, slot: string, options: { state: State; waitMs?: number }): Promise<void> {
  const { state, waitMs = SLOT_WAIT_MS } = options
  const end = Date.now() + waitMs
  for (;;) {
    const found = await readSlot(connection, slot)
    if (!found || found.activePid === null) return
    await endLeftBehind(connection, state, found.activePid)
    if (Date.now() > end) throw new MillraceError('SLOT_IN_USE', { slot, pid: found.activePid })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const STATES: Record<string, LogHealth['state']> = { reserved: 'ok', extended: 'extended', unreserved: 'unreserved', lost: 'lost' }

export async function readHealth(connection: Connection, slot: string): Promise<LogHealth> {
  const found = await readSlot(connection, slot)
  if (!found) return { retainedBytes: null, safeBytes: null, active: false, state: 'missing' }
  const { retainedBytes, safeBytes, activePid, walStatus } = found
  return { retainedBytes, safeBytes, active: activePid !== null, readerPid: activePid, state: STATES[walStatus] ?? 'lost' }
}

export async function readFact(state: State): Promise<SlotFact | null> {
  return ((await state.get(FACT)) ?? null) as SlotFact | null // written by this file only
}
