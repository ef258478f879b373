import type { LogState } from '../../contracts/source.ts'
import { closeConnection, connect } from './connection.ts'
import { sqlstateOf, toSourceError } from './errors.ts'
import { lsnToPosition } from './lsn.ts'
import type { SourceAddress } from './source-url.ts'

/**
 * Where the timelines before this one ended: the server's own history file, which a walsender shows to any role that may
 * replicate. Empty where the server has none: then nothing is known of what came before.
 */
export async function readTimelineHistory(url: SourceAddress, timeline: number): Promise<LogState['ended']> {
  if (timeline <= 1) return []
  const walsender = await connect(url, { replication: true })
  try {
    // The content comes as bytes before Postgres 15.
    const found = await walsender.query<{ content: string | Buffer }>(`TIMELINE_HISTORY ${timeline}`)
    return parseTimelineHistory(String(found.rows[0]?.content ?? ''))
  } catch (error) {
    if (sqlstateOf(error) === '58P01') return []
    throw toSourceError(error, { replication: true, user: walsender.user ?? 'the role', phase: 'query' })
  } finally {
    await closeConnection(walsender)
  }
}

/** A line: the timeline, the place where it was left, and why. */
export function parseTimelineHistory(text: string): LogState['ended'] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line)
    return found ? [{ timeline: Number(found[1]), at: lsnToPosition(found[2]!) }] : [] // both groups are in the match
  })
}
