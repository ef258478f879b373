import type { Finding } from '../../contracts/definition.ts'
import { MillraceError, type ErrorFields } from '../../errors/millrace-error.ts'
import type { ErrorCode } from '../../errors/table.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { fine, fromError } from './findings.ts'
import type { Connection } from './connection.ts'
import { queryAll } from './query.ts'

const SETTINGS = ['wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size', 'server_version', 'server_encoding']

type ServerFacts = {
  setting(name: string): string
  slots: string
  senders: string
  isStandby: boolean
  mayReplicate: boolean
  role: string
}
type Fault = { error: MillraceError; subject: string }

/** The server itself: role in replication, settings, and what this user may do. */
export async function checkServer(connection: Connection): Promise<readonly Finding[]> {
  const facts = await readServer(connection)
  const findings = [fine('SERVER_OK', 'server', `Postgres ${facts.setting('server_version')}.`)]
  if (facts.setting('wal_level') === 'logical') findings.push(fine('WAL_LEVEL_OK', 'wal_level', 'wal_level is logical.'))
  findings.push(...[...faultsOf(facts), ...shortagesOf(facts)].map(({ error, subject }) => fromError(error, subject)))
  if (facts.setting('max_slot_wal_keep_size') === '-1')
    findings.push({
      severity: 'info',
      code: 'SLOT_UNBOUNDED',
      subject: 'max_slot_wal_keep_size',
      message: 'A slot that nobody reads keeps log without bound and can fill the disk of the server.',
      hint: "Consider ALTER SYSTEM SET max_slot_wal_keep_size = '…', well above what a pause of the pipeline needs.",
    })
  return findings
}

/** Throws what no run can get past, before it has touched anything. A shortage is none: what is in use may be ours. */
export async function assertServer(connection: Connection): Promise<void> {
  const [first] = faultsOf(await readServer(connection))
  if (first) throw first.error
}

/** Throws where text is whatever bytes somebody wrote: the server neither checks nor converts them, so they need not be UTF-8. */
export async function assertEncoding(connection: Connection): Promise<void> {
  const [[row] = []] = await queryAll(connection, `SELECT current_setting('server_encoding')`)
  const found = encodingFault(row?.[0] ?? '')
  if (found) throw found.error
}

function encodingFault(encoding: string): Fault | null {
  return encoding === 'SQL_ASCII' ? fault('SOURCE_ENCODING', { encoding }, 'server_encoding') : null
}

/** In the order in which they make the others pointless. */
function faultsOf({ setting, isStandby, mayReplicate, role }: ServerFacts): readonly Fault[] {
  const level = setting('wal_level')
  const encoding = encodingFault(setting('server_encoding'))
  const faults: Fault[] = []
  if (isStandby) faults.push(fault('SOURCE_STANDBY', {}, 'server'))
  if (encoding) faults.push(encoding)
  if (level !== 'logical') faults.push(fault('WAL_LEVEL', { level }, 'wal_level'))
  if (!mayReplicate) faults.push(fault('RIGHT_REPLICATION', { role, grant: `ALTER ROLE ${quoteIdentifier(role)} REPLICATION` }, role))
  return faults
}

function shortagesOf({ setting, slots, senders }: ServerFacts): readonly Fault[] {
  const faults: Fault[] = []
  if (Number(slots) >= Number(setting('max_replication_slots')))
    faults.push(fault('SLOTS_EXHAUSTED', { reason: `all ${slots} replication slots are in use` }, 'max_replication_slots'))
  if (Number(senders) >= Number(setting('max_wal_senders')))
    faults.push(fault('SLOTS_EXHAUSTED', { reason: `all ${senders} senders are in use` }, 'max_wal_senders'))
  return faults
}

function fault(code: ErrorCode, fields: ErrorFields, subject: string): Fault {
  return { error: new MillraceError(code, fields), subject }
}

/** Amazon's servers give the right to replicate by a role of theirs, without the attribute. */
async function readServer(connection: Connection): Promise<ServerFacts> {
  const [settings = [], counts = [], rights = []] = await queryAll(
    connection,
    `SELECT name, setting FROM pg_settings WHERE name IN (${SETTINGS.map((name) => `'${name}'`).join(', ')});
     SELECT (SELECT count(*)::text FROM pg_replication_slots), (SELECT count(*)::text FROM pg_stat_replication), pg_is_in_recovery()::text;
     SELECT (rolreplication OR rolsuper OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_replication' AND pg_has_role(r.oid, 'MEMBER')))::text
     FROM pg_roles WHERE rolname = current_user`,
  )
  const value = new Map(settings.map(([name, setting]) => [name, setting ?? '']))
  const [slots = '0', senders = '0', standby] = counts[0] ?? []
  return {
    setting: (name) => value.get(name) ?? '',
    slots: slots ?? '0',
    senders: senders ?? '0',
    isStandby: standby === 'true',
    mayReplicate: rights[0]?.[0] === 'true',
    role: connection.user ?? 'the role',
  }
}
