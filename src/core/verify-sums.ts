import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { hashRow } from '../values/hash-row.ts'

export const BUCKETS = 4096

/** Per bucket: the sum of the rows' hashes modulo 2^64, and how many rows. */
export type BucketSums = { rows: number; hashes: BigUint64Array; counts: Uint32Array }

export async function sumBuckets(
  scan: AsyncIterable<readonly Row[]>,
  table: Table,
  counted: (rows: number) => void = () => {},
): Promise<BucketSums> {
  const keyOf = createKeyOf(table)
  const sums: BucketSums = { rows: 0, hashes: new BigUint64Array(BUCKETS), counts: new Uint32Array(BUCKETS) }
  const { hashes, counts } = sums
  for await (const rows of scan) {
    for (const row of rows) {
      const bucket = bucketOf(keyOf(row))
      hashes[bucket] = hashes[bucket]! + hashRow(table, row) // a bucket is below BUCKETS; the array wraps at 2^64
      counts[bucket] = counts[bucket]! + 1
    }
    sums.rows += rows.length
    counted(sums.rows)
  }
  return sums
}

export function differingBuckets(a: BucketSums, b: BucketSums): number[] {
  const differing: number[] = []
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (a.hashes[bucket] !== b.hashes[bucket] || a.counts[bucket] !== b.counts[bucket]) differing.push(bucket)
  }
  return differing
}

/** FNV-1a over the key's characters. */
export function bucketOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1)
}
