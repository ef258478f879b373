import type { Row, Table } from '../contracts/table.ts'
import { collect, unmatched, type Suspect } from './verify-narrow.ts'
import { BUCKETS, bucketOf } from './verify-sums.ts'
import type { Scan, VerifyOptions } from './verify.ts'

/** A difference is believed when it is still there in this look; keys that never stand still are given more. */
const LOOKS = 5
const LOOKS_AT_MOVING = 30
const KEYS_AT_ONCE = 1000

type Sides = { source: Scan; sink: Scan }
type Look = { unmatched: readonly Suspect[]; isMoving(suspect: Suspect): boolean }

/** Looks again at suspects until each is cleared, or believed, or given up because the source changes it all the time. */
export async function recheck(
  sides: Sides,
  table: Table,
  suspects: readonly Suspect[],
  options: VerifyOptions,
): Promise<{ differing: readonly Suspect[]; unsettled: number }> {
  let last: Look = { unmatched: suspects, isMoving: () => true }
  for (let looks = 0; looks < LOOKS_AT_MOVING && last.unmatched.length > 0; looks++) {
    if (looks >= LOOKS && last.unmatched.every((suspect) => !last.isMoving(suspect))) break
    last = await look(sides, table, last.unmatched, options)
  }
  const differing = last.unmatched.filter((suspect) => !last.isMoving(suspect))
  return { differing, unsettled: last.unmatched.length - differing.length }
}

/**
 * One look: source, then the sink past the log's end, then the source again. Where the source changed meanwhile the
 * sink may rightly hold a newer row than the first reading, so nothing is said of that key. Rows without a key have no
 * identity: if any of them changed, nothing is said of all.
 */
async function look(sides: Sides, table: Table, suspects: readonly Suspect[], options: VerifyOptions): Promise<Look> {
  const before = await read(sides.source, table, suspects, options.signal)
  await options.passed(await options.head())
  const sink = await read(sides.sink, table, suspects, options.signal)
  const after = await read(sides.source, table, suspects, options.signal)
  const moved = new Set(unmatched(before, after).map(({ key }) => key))
  const isMoving = table.key.length === 0 ? () => moved.size > 0 : ({ key }: Suspect) => moved.has(key)
  return { unmatched: unmatched(after, sink), isMoving }
}

async function read(scan: Scan, table: Table, suspects: readonly Suspect[], signal: AbortSignal) {
  if (table.key.length === 0) return collect(scan(table, null, signal), table, { group: bucketsOf(suspects), limit: Infinity })
  const all: Awaited<ReturnType<typeof collect>> = new Map()
  for (let at = 0; at < suspects.length; at += KEYS_AT_ONCE) {
    const keys: Row[] = suspects.slice(at, at + KEYS_AT_ONCE).map(({ row }) => row)
    const found = await collect(scan(table, keys, signal), table, { group: null, limit: Infinity })
    for (const [key, entry] of found) all.set(key, entry)
  }
  return all
}

function bucketsOf(suspects: readonly Suspect[]): Uint8Array {
  const group = new Uint8Array(BUCKETS)
  for (const { key } of suspects) group[bucketOf(key)] = 1
  return group
}
