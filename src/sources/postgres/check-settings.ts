import type { Finding } from '../../contracts/definition.ts'
import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Connection } from './connection.ts'
import { fine, info, warning } from './findings.ts'
import { queryAll, type Rows } from './query.ts'

const NAMES = [
  'max_replication_slots',
  'max_wal_senders',
  'max_slot_wal_keep_size',
  'wal_sender_timeout',
  'idle_replication_slot_timeout',
  'logical_decoding_work_mem',
]

/** We say that we live every second; a shorter patience of the server cuts the connection whenever one of us is busy. */
const SHORTEST_TIMEOUT_MS = 5000
const LITTLE_LOG_BYTES = 1024 ** 3

/** Settings that no run fails by at once, and that decide how a pipeline lives: room, patience, how much log is kept. */
export async function checkSettings(connection: Connection): Promise<readonly Finding[]> {
  const [settings = [], used = []] = await queryAll(connection, settingsSql)
  const [slots = '0', senders = '0'] = used[0] ?? []
  const value = valuesOf(settings)
  const room = [
    ['max_replication_slots', slots],
    ['max_wal_senders', senders],
  ] as const
  return [
    ...room.map(([name, inUse]) => fine('ROOM', name, `${name}: ${inUse} of ${value(name)} in use.`)),
    ...keptLog(value('max_slot_wal_keep_size')),
    ...senderTimeout(value('wal_sender_timeout')),
    ...idleSlots(value('idle_replication_slot_timeout')),
    fine('DECODING_MEMORY', 'logical_decoding_work_mem', decodingWords(value('logical_decoding_work_mem'))),
  ]
}

/** In bytes, milliseconds or plain numbers, whatever unit the server counts in; null where it does not know the setting. */
type Values = (name: string) => number | null

const settingsSql = `SELECT name::text, setting::text, unit::text FROM pg_settings WHERE name IN (${NAMES.map((name) => `'${name}'`).join(', ')});
  SELECT (SELECT count(*)::text FROM pg_replication_slots), (SELECT count(*)::text FROM pg_stat_replication)`

const UNITS: Record<string, number> = { kB: 1024, MB: 1024 ** 2, s: 1000, min: 60_000 }

function valuesOf(rows: Rows): Values {
  const byName = new Map(rows.map(([name, setting, unit]) => [name, Number(setting) * (setting === '-1' ? 1 : (UNITS[unit ?? ''] ?? 1))]))
  return (name) => byName.get(name) ?? null
}

/** Unbounded is told by `checkServer`. */
function keptLog(bytes: number | null): readonly Finding[] {
  const subject = 'max_slot_wal_keep_size'
  if (bytes === null || bytes < 0) return []
  const message = `max_slot_wal_keep_size is ${formatBytes(bytes)}: a pipeline that is stopped, or slower, for more log than that loses its slot.`
  if (bytes >= LITTLE_LOG_BYTES) return [fine('SLOT_BOUND', subject, message)]
  const hint = 'Raise it well above what a night of writes makes: ALTER SYSTEM SET max_slot_wal_keep_size = … and SELECT pg_reload_conf().'
  return [warning({ code: 'SLOT_BOUND', subject, message, hint })]
}

function senderTimeout(ms: number | null): readonly Finding[] {
  const subject = 'wal_sender_timeout'
  if (ms === null) return []
  if (ms === 0) {
    const message = 'wal_sender_timeout is 0: the server holds the slot for a reader whose machine is gone, until its network says so.'
    return [info({ code: 'SENDER_TIMEOUT', subject, message, hint: "Consider ALTER SYSTEM SET wal_sender_timeout = '60s'." })]
  }
  const message = `wal_sender_timeout is ${formatDuration(ms)}.`
  if (ms >= SHORTEST_TIMEOUT_MS) return [fine('SENDER_TIMEOUT', subject, message)]
  const hint = "Raise it: ALTER SYSTEM SET wal_sender_timeout = '60s' and SELECT pg_reload_conf()."
  return [warning({ code: 'SENDER_TIMEOUT', subject, message: `${message} A busy moment then costs the connection.`, hint })]
}

/** Postgres 18: https://www.postgresql.org/docs/18/runtime-config-replication.html#GUC-IDLE-REPLICATION-SLOT-TIMEOUT */
function idleSlots(ms: number | null): readonly Finding[] {
  if (ms === null || ms <= 0) return []
  return [
    warning({
      code: 'IDLE_SLOT_TIMEOUT',
      subject: 'idle_replication_slot_timeout',
      message: `idle_replication_slot_timeout is ${formatDuration(ms)}: a pipeline that is stopped for longer loses its slot, and must read every table again.`,
      hint: "ALTER SYSTEM SET idle_replication_slot_timeout = 0 and SELECT pg_reload_conf(), or never stop for so long; max_slot_wal_keep_size bounds a slot's log better.",
    }),
  ]
}

function decodingWords(bytes: number | null): string {
  return `logical_decoding_work_mem is ${bytes === null ? 'unknown' : formatBytes(bytes)}: larger transactions are spilled to the server's disk while they are decoded.`
}
