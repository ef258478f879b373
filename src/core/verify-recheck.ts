import type { Row, Table } from '../contracts/table.ts'
import { collect, collectRows, unmatched, type Suspect } from './verify-narrow.ts'
import { BUCKETS, bucketOf } from './verify-sums.ts'
import type { Scan, VerifyOptions } from './verify-options.ts'

/** A difference is believed when it is still there in this look. */
const LOOKS = 5
/** Keys that the source changes at every look are compared with the sink held still; what differs then every time, differs. */
const HELD_LOOKS = 4
const HELD_KEYS = 1000

type Sides = { source: Scan; sink: Scan }
type Look = { unmatched: readonly Suspect[]; isMoving(suspect: Suspect): boolean }

export type Rechecked = { differing: readonly Suspect[]; undecided: readonly Suspect[] }

/** Looks again at suspects until each is cleared, or believed, or `options.isLate` says that it is time to answer. */
export async function recheck(sides: Sides, table: Table, suspects: readonly Suspect[], options: VerifyOptions): Promise<Rechecked> {
  let last: Look = { unmatched: suspects, isMoving: () => true }
  for (let looks = 0; looks < LOOKS && last.unmatched.length > 0; looks++) {
    if (options.isLate?.()) return { differing: [], undecided: last.unmatched }
    const next = await look(sides, table, last.unmatched, options)
    if (next === null) return { differing: [], undecided: last.unmatched }
    last = next
  }
  const differing = last.unmatched.filter((suspect) => !last.isMoving(suspect))
  const moving = last.unmatched.filter(last.isMoving)
  const held = await recheckHeld(sides, table, moving, options)
  return { differing: [...differing, ...held.differing], undecided: held.undecided }
}

/**
 * One look: source, then the sink past the log's end, then the source again. Where the source changed meanwhile the
 * sink may rightly hold a newer row than the first reading, so nothing is said of that key. Rows without a key have no
 * identity: if any of them changed, nothing is said of all. Null where the sink did not get there in time.
 */
async function look(sides: Sides, table: Table, suspects: readonly Suspect[], options: VerifyOptions): Promise<Look | null> {
  options.progress?.(`${suspects.length} keys to look at again`)
  const before = await read(sides.source, table, suspects, options.signal)
  const head = await options.head()
  options.progress?.(`${suspects.length} keys to look at again, waiting for the sink to pass ${head}`)
  if ((await options.passed(head)) === false) return null
  const sink = await read(sides.sink, table, suspects, options.signal)
  const after = await read(sides.source, table, suspects, options.signal)
  const moved = new Set(unmatched(before, after).map(({ key }) => key))
  const isMoving = table.key.length === 0 ? () => moved.size > 0 : ({ key }: Suspect) => moved.has(key)
  return { unmatched: unmatched(after, sink), isMoving }
}

/**
 * Changes of one row wait for each other, so the snapshot that the source's rows are of sees all that the sink has of a key up to the
 * first change that it does not see, and none after it. But a transaction may lie behind one that is seen later: hence more than one look.
 */
async function recheckHeld(sides: Sides, table: Table, moving: readonly Suspect[], options: VerifyOptions): Promise<Rechecked> {
  const { held } = options
  if (!held || table.key.length === 0) return { differing: [], undecided: moving }
  const differing: Suspect[] = []
  const undecided: Suspect[] = []
  for (let at = 0; at < moving.length; at += HELD_KEYS) {
    let left: readonly Suspect[] | null = moving.slice(at, at + HELD_KEYS)
    let standing: readonly Suspect[] = left
    for (let looks = 0; looks < HELD_LOOKS && left !== null && left.length > 0; looks++) {
      options.progress?.(`${moving.length - at} keys that change all the time, compared while the sink is held`)
      standing = left
      left = options.isLate?.() ? null : await heldLook(sides.sink, table, left, { ...options, held })
    }
    if (left === null) undecided.push(...standing)
    else differing.push(...left)
  }
  return { differing, undecided }
}

async function heldLook(
  sink: Scan,
  table: Table,
  suspects: readonly Suspect[],
  options: VerifyOptions & Required<Pick<VerifyOptions, 'held'>>,
): Promise<readonly Suspect[] | null> {
  return options.held(
    table,
    suspects.map(({ row }) => row),
    async (rows) => unmatched(collectRows(rows, table), await read(sink, table, suspects, options.signal)),
  )
}

async function read(scan: Scan, table: Table, suspects: readonly Suspect[], signal: AbortSignal) {
  if (table.key.length === 0) return collect(scan(table, null, signal), table, { group: bucketsOf(suspects), limit: Infinity })
  const keys: Row[] = suspects.map(({ row }) => row)
  return collect(scan(table, keys, signal), table, { group: null, limit: Infinity })
}

function bucketsOf(suspects: readonly Suspect[]): Uint8Array {
  const group = new Uint8Array(BUCKETS)
  for (const { key } of suspects) group[bucketOf(key)] = 1
  return group
}
