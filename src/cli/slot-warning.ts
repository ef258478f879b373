import type { Config } from '../config/config.ts'
import type { LogHealth } from '../contracts/source.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { formatBytes } from '../lib/units.ts'
import type { ConfigChoice } from './chosen-config.ts'

/** Less than one segment is kept for any slot. */
const WORTH_TELLING_BYTES = 16 * 1024 * 1024

/** What a slot that nobody reads costs; null where it costs nothing yet. */
export function retentionText(config: Config, health: LogHealth): string | null {
  if (health.state === 'lost') return `The slot of ${config.name} is lost: the database removed log that it needed.`
  const bytes = health.retainedBytes ?? 0
  if (health.active || bytes < WORTH_TELLING_BYTES) return null
  const safe = health.safeBytes === null ? '' : `; after ${formatBytes(health.safeBytes)} more the database drops it`
  return `The slot of ${config.name} retains ${formatBytes(bytes)} of the database's log that nobody reads${safe}.`
}

/** The command that removes the slot, as it would be typed; never with a password. */
export function dropCommand(choice: ConfigChoice): string {
  if (choice.source !== undefined) return redactUrls(`millrace drop ${choice.source} ${(choice.sinks ?? []).join(' ')}`.trim())
  return choice.config === undefined ? 'millrace drop' : `millrace drop -c ${choice.config}`
}
