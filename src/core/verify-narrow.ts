import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { hashRow } from '../values/hash-row.ts'
import { BUCKETS, bucketOf, type BucketSums } from './verify-sums.ts'
import type { Difference, Scan } from './verify.ts'

/** A key whose rows did not match when they were read. `row` has the key's columns. */
export type Suspect = { key: string; row: Row; hash: bigint; what: Difference['what'] }

/** How many rows of the source are held at once, and how many suspects are followed up. */
const GROUP_ROWS = 200_000
const MAX_SUSPECTS = 20_000

type Entry = { hash: bigint; row: Row }

/** Reads the rows of the buckets that differ, in groups that fit into memory, and matches them by key. */
export async function collectSuspects(
  sides: { source: Scan; sink: Scan },
  at: { table: Table; buckets: readonly number[]; sums: BucketSums },
  options: { signal: AbortSignal },
): Promise<{ suspects: Suspect[]; more: boolean }> {
  const suspects: Suspect[] = []
  for (const group of groupBuckets(at.buckets, at.sums)) {
    const source = await collect(sides.source(at.table, null, options.signal), at.table, { group, limit: Infinity })
    const sink = await collect(sides.sink(at.table, null, options.signal), at.table, { group, limit: 4 * GROUP_ROWS })
    suspects.push(...unmatched(source, sink))
    if (suspects.length > MAX_SUSPECTS) return { suspects: suspects.slice(0, MAX_SUSPECTS), more: true }
  }
  return { suspects, more: false }
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
      if (only.group !== null && only.group[bucketOf(key)] === 0) continue
      const hash = hashRow(table, row)
      const entry = entries.get(key)
      if (!entry) entries.set(key, { hash, row: keyRow(table, row) })
      else entry.hash = BigInt.asUintN(64, entry.hash + hash)
    }
    if (entries.size > only.limit) break
  }
  return entries
}

function groupBuckets(buckets: readonly number[], sums: BucketSums): Uint8Array[] {
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
