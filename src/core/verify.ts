/**
 * Whether a sink's table equals the source's, row by row, without holding the rows.
 *
 * 1. Both sides are read once; each row's hash is added to one of 4096 buckets by its key. The sums do not depend on order.
 * 2. The rows of buckets that differ are read again and matched by key. What does not match is only suspected: rows
 *    change while they are read, and the sink follows a moment later.
 * 3. Suspects are read again by key: source, sink, source. The sink is read after it passed the end of the log as it was
 *    after the first reading. So where the source says the same before and after, the sink must say it too, or it is wrong.
 * 4. Keys that change all the time never stand still for that: the sink is held where a snapshot of the source was taken.
 *
 * Every step has an end: what could not be decided by then is said to be undecided, by key.
 */
import type { Sink } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import { formatCount } from '../lib/units.ts'
import { collectSuspects, groupBuckets, type Suspect } from './verify-narrow.ts'
import { differingBuckets, sumBuckets } from './verify-sums.ts'
import type { Difference, Scan, VerifyOptions } from './verify-options.ts'
import { recheck } from './verify-recheck.ts'

export type TableVerdict = {
  table: string
  rows: { source: number; sink: number }
  /** At most 1000; `more` says that there are others. */
  differing: readonly Difference[]
  more: boolean
  /** How many keys nothing can be said of: they changed at every look, or the sink was too far behind. */
  unsettled: number
  /** At most 1000 of them. */
  undecided: readonly Difference['key'][]
  /** Why nothing at all can be said of the table; null where something can. */
  reason: string | null
}

export const MAX_DIFFERENCES = 1000

/** Compares one table. `sink` must be one that can be scanned. */
export async function verifyTable(
  source: Pick<Source, 'scan'>,
  sink: Required<Pick<Sink, 'scan'>>,
  table: Table,
  options: VerifyOptions,
): Promise<TableVerdict> {
  const sides = { source: source.scan.bind(source), sink: sink.scan.bind(sink) }
  const head = await options.head()
  options.progress?.(`waiting for the sink to pass ${head}`)
  const empty = { table: tableName(table), rows: { source: 0, sink: 0 }, differing: [], more: false, unsettled: 0, undecided: [] }
  if ((await options.passed(head)) === false) return { ...empty, reason: `the sink did not pass ${head} in time` }
  const sums = await bothSums(sides, table, options)
  const rows = { source: sums.source.rows, sink: sums.sink.rows }
  const buckets = differingBuckets(sums.source, sums.sink)
  if (buckets.length === 0) return { ...empty, rows, reason: null }
  const found = await follow(sides, { table, groups: groupBuckets(buckets, sums.source) }, options)
  const [differing, undecided] = [found.differing, found.undecided].map((some) => some.slice(0, MAX_DIFFERENCES)) as [Suspect[], Suspect[]]
  return {
    table: tableName(table),
    rows: settledRows(rows, found.differing),
    differing: differing.map((suspect) => describe(table, suspect)),
    more: found.differing.length > 0 && (found.more || found.differing.length > MAX_DIFFERENCES),
    unsettled: found.undecided.length + (found.more && found.differing.length === 0 ? 1 : 0),
    undecided: undecided.map((suspect) => describe(table, suspect).key),
    reason: null,
  }
}

/** Group by group, so that what must be remembered has a bound; until enough is known. */
async function follow(
  sides: { source: Scan; sink: Scan },
  at: { table: Table; groups: readonly Uint8Array[] },
  options: VerifyOptions,
): Promise<{ differing: readonly Suspect[]; undecided: readonly Suspect[]; more: boolean }> {
  const differing: Suspect[] = []
  const undecided: Suspect[] = []
  let more = false
  for (const [index, group] of at.groups.entries()) {
    options.progress?.(`reading part ${index + 1} of ${at.groups.length} again, key by key`)
    const suspects = await collectSuspects(sides, { table: at.table, group }, options)
    const found = await recheck(sides, at.table, suspects.suspects, options)
    differing.push(...found.differing)
    undecided.push(...found.undecided)
    more ||= suspects.more
    const isLast = index === at.groups.length - 1
    if (!isLast && (differing.length > MAX_DIFFERENCES || options.isLate?.())) return { differing, undecided, more: true }
  }
  return { differing, undecided, more }
}

async function bothSums(sides: { source: Scan; sink: Scan }, table: Table, { signal, progress }: VerifyOptions) {
  const told = (rows: number) => progress?.(`${formatCount(rows)} rows`)
  const [source, sink] = await Promise.all([
    sumBuckets(sides.source(table, null, signal), table, told),
    sumBuckets(sides.sink(table, null, signal), table),
  ])
  return { source, sink }
}

/** Where nothing differs in the end, both sides have the rows of the source: what was counted otherwise was under way. */
function settledRows(rows: TableVerdict['rows'], differing: readonly Suspect[]): TableVerdict['rows'] {
  return differing.length === 0 ? { source: rows.source, sink: rows.source } : rows
}

function describe(table: Table, suspect: Suspect): Difference {
  if (table.key.length === 0) return { key: { hash: suspect.hash.toString(16) }, what: suspect.what }
  const entries = table.key.map((index) => {
    const value = suspect.row[index]
    // A key is never UNCHANGED; the index is one of the table's columns.
    return [table.columns[index]?.name ?? String(index), value === null || value === undefined ? null : keyText(value)] as const
  })
  return { key: Object.fromEntries(entries), what: suspect.what }
}

function keyText(value: Row[number]): string {
  if (typeof value === 'object') return JSON.stringify(value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value, jsonBigint)
  return String(value)
}

function jsonBigint(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
