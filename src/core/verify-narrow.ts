import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { hashRow } from '../values/hash-row.ts'
import { BUCKETS, bucketOf, type BucketSums } from './verify-sums.ts'
import type { Difference, Scan } from './verify-options.ts'

/** A key whose rows did not match when they were read. `row` has the key's columns. */
export type Suspect = { key: string; row: Row; hash: bigint; what: Difference['what'] }

/** How many rows of the source are held at once, and how many suspects are followed up of each such group. */
const GROUP_ROWS = 500_000
const MAX_SUSPECTS = 50_000

type Entry = { hash: bigint; row: Row }

/** Reads the rows of one group of buckets and matches them by key. `more`: there were others, not followed up. */
export async function collectSuspects(
  sides: { source: Scan; sink: Scan },
  at: { table: Table; group: Uint8Array },
  options: { signal: AbortSignal },
): Promise<{ suspects: readonly Suspect[]; more: boolean }> {
  const { table, group } = at
  const source = await collect(sides.source(table, null, options.signal), table, { group, limit: Infinity })
  const sink = await collect(sides.sink(table, null, options.signal), table, { group, limit: 4 * GROUP_ROWS })
  const suspects = unmatched(source, sink)
  return { suspects: suspects.slice(0, MAX_SUSPECTS), more: suspects.length > MAX_SUSPECTS }
}

export function unmatched(source: ReadonlyMap<string, Entry>, sink: ReadonlyMap<string, Entry>): Suspect[] {
  const suspects: Suspect[] = []
  for (const [key, { hash, row }] of source) {
    const other = sink.get(key)
    if (!other) suspects.push({ key, row, hash, what: 'missing' })
    else if (other.hash !== hash) suspects.push({ key, row, hash, what: 'different' })
  }
  for (const [key, { hash, row }] of sink) if (!source.has(key)) suspects.push({ key, row, hash, what: 'extra' })
  return suspects
}

/** Rows by key, as the sum of their hashes: a keyless table may hold a row many times. */
export async function collect(
  scan: AsyncIterable<readonly Row[]>,
  table: Table,
  only: { group: Uint8Array | null; limit: number },
): Promise<Map<string, Entry>> {
  const keyOf = createKeyOf(table)
  const entries = new Map<string, Entry>()
  for await (const rows of scan) {
    for (const row of rows) {
      const key = keyOf(row)
      if (only.group === null || only.group[bucketOf(key)] !== 0) add(entries, table, { key, row })
    }
    if (entries.size > only.limit) break
  }
  return entries
}

/** The same of rows that are there already. */
export function collectRows(rows: readonly Row[], table: Table): Map<string, Entry> {
  const keyOf = createKeyOf(table)
  const entries = new Map<string, Entry>()
  for (const row of rows) add(entries, table, { key: keyOf(row), row })
  return entries
}

function add(entries: Map<string, Entry>, table: Table, { key, row }: { key: string; row: Row }): void {
  const hash = hashRow(table, row)
  const entry = entries.get(key)
  if (!entry) entries.set(key, { hash, row: keyRow(table, row) })
  else entry.hash = BigInt.asUintN(64, entry.hash + hash)
}

/** Groups of buckets whose rows of the source fit into memory. */
export function groupBuckets(buckets: readonly number[], sums: BucketSums): Uint8Array[] {
  const groups: Uint8Array[] = []
  let rows = Infinity
  for (const bucket of buckets) {
    const count = sums.counts[bucket] ?? 0
    if (rows + count > GROUP_ROWS) {
      groups.push(new Uint8Array(BUCKETS))
      rows = 0
    }
    const group = groups.at(-1)
    if (group) group[bucket] = 1
    rows += count
  }
  return groups
}

/** The key's columns alone, so that long rows are not kept. */
function keyRow(table: Table, row: Row): Row {
  const key: Row = Array.from({ length: table.columns.length }, () => null)
  for (const index of table.key) key[index] = row[index] ?? null
  return key
}
