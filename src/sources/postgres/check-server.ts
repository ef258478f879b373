import type { Finding } from '../../contracts/definition.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { failure, fine } from './findings.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { queryAll } from './query.ts'

const SETTINGS = ['wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size', 'server_version', 'server_encoding']

/** The server itself: version, role in replication, settings, and what this user may do. */
export async function checkServer(connection: Connection): Promise<readonly Finding[]> {
  const version = serverVersionOf(connection)
  const [settings = [], counts = [], rights = []] = await queryAll(
    connection,
    `SELECT name, setting FROM pg_settings WHERE name IN (${SETTINGS.map((name) => `'${name}'`).join(', ')});
     SELECT (SELECT count(*)::text FROM pg_replication_slots), (SELECT count(*)::text FROM pg_stat_replication), pg_is_in_recovery()::text;
     SELECT (rolreplication OR rolsuper)::text FROM pg_roles WHERE rolname = current_user`,
  )
  const value = new Map(settings.map(([name, setting]) => [name, setting ?? '']))
  const [slots = '0', senders = '0', standby] = counts[0] ?? []
  const findings: Finding[] = []
  const text = value.get('server_version') ?? ''
  findings.push(
    version < 140_000 ? failure('SOURCE_TOO_OLD', { version: text }, 'server') : fine('SERVER_OK', 'server', `Postgres ${text}.`),
  )
  if (standby === 'true') findings.push(failure('SOURCE_STANDBY', {}, 'server'))
  findings.push(...checkSettings(value))
  if (Number(slots) >= Number(value.get('max_replication_slots')))
    findings.push(failure('SLOTS_EXHAUSTED', { reason: `all ${slots} replication slots are in use` }, 'max_replication_slots'))
  if (Number(senders) >= Number(value.get('max_wal_senders')))
    findings.push(failure('SLOTS_EXHAUSTED', { reason: `all ${senders} senders are in use` }, 'max_wal_senders'))
  const role = connection.user ?? 'the role'
  if (rights[0]?.[0] !== 'true')
    findings.push(failure('RIGHT_REPLICATION', { role, grant: `ALTER ROLE ${quoteIdentifier(role)} REPLICATION` }, role))
  return findings
}

function checkSettings(value: ReadonlyMap<string | null | undefined, string>): readonly Finding[] {
  const findings: Finding[] = []
  const level = value.get('wal_level') ?? ''
  findings.push(
    level === 'logical' ? fine('WAL_LEVEL_OK', 'wal_level', 'wal_level is logical.') : failure('WAL_LEVEL', { level }, 'wal_level'),
  )
  const encoding = value.get('server_encoding') ?? ''
  if (encoding === 'SQL_ASCII') findings.push(failure('SOURCE_ENCODING', { encoding }, 'server_encoding'))
  if (value.get('max_slot_wal_keep_size') === '-1')
    findings.push({
      severity: 'info',
      code: 'SLOT_UNBOUNDED',
      subject: 'max_slot_wal_keep_size',
      message: 'A slot that nobody reads keeps log without bound and can fill the disk of the server.',
      hint: "Consider ALTER SYSTEM SET max_slot_wal_keep_size = '…', well above what a pause of the pipeline needs.",
    })
  return findings
}
