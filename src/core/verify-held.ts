import type { Visibility } from '../contracts/source.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import type { Chain } from './transform-chain.ts'
import { keysBefore, rowsThrough } from './transformed-source.ts'
import type { LivePipeline } from './run-live.ts'

/** A hold looks like a slow sink to everything else, and must be over before somebody minds. */
const HELD_MS = 20_000

/**
 * Reads these keys of the source in one snapshot, lets the sink go on to just there, and compares while it stands.
 * Null where the sink could not be brought there: too far behind, or in the middle of a copy, or the table has another shape by now.
 */
export async function compareHeld<T>(
  live: Pick<LivePipeline, 'hold' | 'passed' | 'source' | 'signal'>,
  at: { sink: string; table: Table; keys: readonly Row[] },
  compare: (rows: readonly Row[]) => Promise<T>,
): Promise<T | null> {
  const { sink, table, keys } = at
  const { snapshots } = live.source
  // Held before the snapshot is taken: what the sink has by then, the snapshot sees.
  const hold = await live.hold(sink)
  if (hold === null) return null
  const over = new AbortController()
  try {
    const limit = AbortSignal.any([live.signal, over.signal, AbortSignal.timeout(HELD_MS)])
    let visibility: Visibility | null = null
    const chunk = snapshots.keyChunk(table, keys, `${tableName(table)}/verify/0`)
    const read = await snapshots.read(chunk, (seen) => (visibility = seen), limit)
    if (read === null || visibility === null || read.rows.table.version !== table.version) return null
    const passed = live.passed(read.high, limit, sink).then(() => !limit.aborted)
    const isThere = await Promise.race([hold.upTo(visibility), passed])
    return isThere ? await compare(read.rows.rows()) : null
  } finally {
    over.abort()
    hold.release()
  }
}

/** The same of a table that transforms made, with its keys and rows as they made them; null also where the source cannot be asked for such keys. */
export async function compareHeldThrough<T>(
  live: Parameters<typeof compareHeld>[0],
  at: { sink: string; chain: Chain; keys: readonly Row[] },
  compare: (rows: readonly Row[]) => Promise<T>,
): Promise<T | null> {
  const { sink, chain } = at
  const keys = keysBefore(chain, at.keys)
  if (keys === null) return null
  return compareHeld(live, { sink, table: chain.from, keys }, (rows) => compare(rowsThrough(chain, rows)))
}
