import type { Finding, SourceContext } from '../../contracts/definition.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { assertFailover } from './failover.ts'
import { fine, info, warning } from './findings.ts'
import { queryAll } from './query.ts'
import { readSlot } from './slot.ts'

/**
 * Whether the pipeline goes on after a failover. What the standbys themselves are set to cannot be seen from here.
 * https://www.postgresql.org/docs/current/logical-replication-failover.html
 */
export async function checkFailover(
  connection: Connection,
  config: PostgresConfig,
  { pipeline }: Pick<SourceContext, 'pipeline'>,
): Promise<readonly Finding[]> {
  const wanted = config.failover ?? false
  assertFailover(connection, wanted)
  if (serverVersionOf(connection) < 170_000) return []
  const { standbys, guarded } = await readStandbys(connection)
  const { slot } = namesOf(config, pipeline)
  if (!wanted) return standbys > 0 ? [notKept(slot, standbys)] : []
  const found = await readSlot(connection, slot)
  return [
    found?.failover === false
      ? info({
          code: 'FAILOVER_LATER',
          subject: slot,
          message: `The slot ${slot} is not one for failovers: the next run makes it one.`,
          hint: null,
        })
      : fine('FAILOVER_SLOT', slot, `The slot ${slot} is one that standbys may keep in step.`),
    guarded
      ? fine('FAILOVER_GUARDED', 'synchronized_standby_slots', 'No change is sent before the standbys named have it.')
      : warning({
          code: 'FAILOVER_UNGUARDED',
          subject: 'synchronized_standby_slots',
          message: 'Changes are sent before any standby has them: after a failover, what was delivered may be missing in the new primary.',
          hint: "Run ALTER SYSTEM SET synchronized_standby_slots = 'SLOT OF THE STANDBY' and SELECT pg_reload_conf(); set sync_replication_slots = on, hot_standby_feedback = on and dbname in primary_conninfo on the standby.",
        }),
  ]
}

function notKept(slot: string, standbys: number): Finding {
  const message = `${standbys === 1 ? 'A standby follows' : `${standbys} standbys follow`} this server; the slot ${slot} would not be there after a failover.`
  return info({ code: 'FAILOVER_OFF', subject: slot, message, hint: 'Set `source.failover: true`.' })
}

async function readStandbys(connection: Connection): Promise<{ standbys: number; guarded: boolean }> {
  const [rows = []] = await queryAll(
    connection,
    `SELECT (SELECT count(*)::text FROM pg_replication_slots WHERE slot_type = 'physical'), current_setting('synchronized_standby_slots')`,
  )
  const [count, names] = rows[0] ?? []
  return { standbys: Number(count ?? 0), guarded: (names ?? '') !== '' }
}
