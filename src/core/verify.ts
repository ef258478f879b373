/**
 * Whether a sink's table equals the source's, row by row, without holding the rows.
 *
 * 1. Both sides are read once; each row's hash is added to one of 4096 buckets by its key. The sums do not depend on order.
 * 2. The rows of buckets that differ are read again and matched by key. What does not match is only suspected: rows
 *    change while they are read, and the sink follows a moment later.
 * 3. Suspects are read again by key: source, sink, source. The sink is read after it passed the end of the log as it was
 *    after the first reading. So where the source says the same before and after, the sink must say it too, or it is wrong.
 */
import type { Position } from '../contracts/position.ts'
import type { Sink } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import { tableName, type Row, type Table } from '../contracts/table.ts'
import { collectSuspects, type Suspect } from './verify-narrow.ts'
import { differingBuckets, sumBuckets } from './verify-sums.ts'
import { recheck } from './verify-recheck.ts'

export type VerifyOptions = {
  /** The end of the source's log now. */
  head(): Promise<Position>
  /** Resolves once the sink holds everything before `position`; at once where no pipeline runs. */
  passed(position: Position): Promise<void>
  signal: AbortSignal
}

export type Scan = (table: Table, keys: readonly Row[] | null, signal: AbortSignal) => AsyncIterable<readonly Row[]>

/** `key` holds the key's columns as text; a keyless row has `hash` only. */
export type Difference = { key: Record<string, string | null>; what: 'missing' | 'extra' | 'different' }

export type TableVerdict = {
  table: string
  rows: { source: number; sink: number }
  /** At most 1000; `more` says that there are others. */
  differing: readonly Difference[]
  more: boolean
  /** Keys that changed at every look, so that nothing can be said of them. */
  unsettled: number
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
  await options.passed(await options.head())
  const sums = await bothSums(sides, table, options.signal)
  const rows = { source: sums.source.rows, sink: sums.sink.rows }
  const buckets = differingBuckets(sums.source, sums.sink)
  if (buckets.length === 0) return { table: tableName(table), rows, differing: [], more: false, unsettled: 0 }
  const suspects = await collectSuspects(sides, { table, buckets, sums: sums.source }, options)
  const found = await recheck(sides, table, suspects.suspects, options)
  const differing = found.differing.slice(0, MAX_DIFFERENCES).map((suspect) => describe(table, suspect))
  const more = found.differing.length > 0 && (suspects.more || found.differing.length > MAX_DIFFERENCES)
  return { table: tableName(table), rows: settledRows(rows, found.differing), differing, more, unsettled: found.unsettled }
}

async function bothSums(sides: { source: Scan; sink: Scan }, table: Table, signal: AbortSignal) {
  const [source, sink] = await Promise.all([
    sumBuckets(sides.source(table, null, signal), table),
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
