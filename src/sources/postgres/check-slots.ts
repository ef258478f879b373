import type { Finding, SourceContext } from '../../contracts/definition.ts'
import { formatBytes } from '../../lib/units.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import type { Connection } from './connection.ts'
import { failure, fine, info, warning } from './findings.ts'
import { queryRows } from './query.ts'
import { readSlot, type Slot } from './slot.ts'

/** So much log kept by a slot that nobody reads is worth a warning, and so little left before the server drops it. */
const MUCH_BYTES = 1024 ** 3

/** The pipeline's slot, and the slots of others that keep log without being read: they fill the same disk. */
export async function checkSlots(connection: Connection, config: PostgresConfig, { pipeline }: SourceContext): Promise<readonly Finding[]> {
  const { slot } = namesOf(config, pipeline)
  const found = await readSlot(connection, slot)
  const own = found
    ? judgeSlot(found, slot, connection.database ?? '')
    : info({ code: 'SLOT_MISSING', subject: slot, message: `The slot ${slot} is not there yet: the first run makes it.`, hint: null })
  return [own, ...(await othersOf(connection, slot))]
}

function judgeSlot(found: Slot, slot: string, database: string): Finding {
  if (found.plugin !== 'pgoutput') return failure('SLOT_PLUGIN', { slot, plugin: found.plugin ?? 'physical' }, slot)
  if (found.database !== database) return failure('SLOT_DATABASE', { slot, database: found.database ?? 'none' }, slot)
  if (found.walStatus === 'lost') return failure('GAP_SLOT_LOST', { slot, position: found.confirmed ?? 'the checkpoint' }, slot)
  const { retainedBytes, safeBytes, activePid } = found
  const reader = activePid === null ? 'nobody reads it' : `process ${activePid} reads it`
  const message = `The slot ${slot} keeps ${formatBytes(retainedBytes ?? 0)} of log; ${reader}.`
  const isIdle = activePid === null && (retainedBytes ?? 0) > MUCH_BYTES
  const isNearEnd = (safeBytes !== null && safeBytes < MUCH_BYTES) || found.walStatus === 'unreserved'
  if (!isIdle && !isNearEnd) return fine('SLOT_OK', slot, message)
  const bound = safeBytes === null ? '' : ` The server drops it after ${formatBytes(safeBytes)} more.`
  const hint = 'Start the pipeline (`millrace run`); if it is not needed any more, `millrace drop` removes the slot.'
  return warning({ code: 'SLOT_RETAINS', subject: slot, message: message + bound, hint })
}

async function othersOf(connection: Connection, slot: string): Promise<readonly Finding[]> {
  const rows = await queryRows(
    connection,
    `SELECT slot_name::text, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::text FROM pg_replication_slots
     WHERE NOT active AND NOT temporary AND restart_lsn IS NOT NULL AND slot_name <> ${quoteLiteral(slot)} ORDER BY restart_lsn`,
  )
  return rows.map(([name, retained]) => {
    const bytes = Number(retained)
    const about = {
      code: 'SLOT_IDLE_OTHER',
      subject: name ?? '',
      message: `The slot ${name} of somebody else keeps ${formatBytes(bytes)} of log, and nobody reads it.`,
      hint: `If nobody needs it: SELECT pg_drop_replication_slot(${quoteLiteral(name ?? '').trim()}).`,
    }
    return bytes > MUCH_BYTES ? warning(about) : info(about)
  })
}
