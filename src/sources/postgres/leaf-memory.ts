import type { CatalogueTable, Leaf } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'

/** The partitions whose rows the sinks hold, each with its file. One that left and came again is another: see nameOf. */
export type Leaves = Readonly<Record<string, string>>

/** Says which of these relations have no rows. */
export type FindEmpty = (ids: readonly number[]) => Promise<ReadonlySet<number>>

/** Nothing for a table that is not partitioned: whatever happens to its rows is in the log, or seen by its columns. */
export function leavesOf(table: Pick<CatalogueTable, 'partitioned' | 'leaves'>): Leaves {
  return Object.fromEntries(table.partitioned ? table.leaves.map((leaf) => [nameOf(leaf), leaf.storage]) : [])
}

/** Partitions that came and that may have brought rows. */
export function strangersAmong(table: CatalogueTable, before: Leaves | null): readonly number[] {
  if (!before || !table.partitioned) return []
  return table.leaves.filter((leaf) => before[nameOf(leaf)] === undefined && !leaf.isNative).map(({ id }) => id)
}

/**
 * What is remembered once everything harmless has been taken over: a partition that came without rows, since its first row
 * is in the log; and new files that hold what the old ones did. What then still differs is in no log.
 */
export function adoptLeaves(before: Leaves | null, table: CatalogueTable, empty: ReadonlySet<number>): Leaves {
  if (!before) return leavesOf(table)
  const harmless = table.leaves.filter((leaf) =>
    before[nameOf(leaf)] === undefined ? leaf.isNative || empty.has(leaf.id) : !leaf.mayBeTruncated,
  )
  return { ...before, ...leavesOf({ partitioned: table.partitioned, leaves: harmless }) }
}

export function hasSameLeaves(before: Leaves | null, now: Leaves): boolean {
  if (!before) return true
  const names = Object.keys(before)
  return names.length === Object.keys(now).length && names.every((name) => before[name] === now[name])
}

function nameOf({ id, link }: Leaf): string {
  return `${id} ${link}`
}

/** A size needs a lock that waits for whoever alters the relation: that one counts as filled, as everything unsure does. */
export async function findEmpty(connection: Connection, ids: readonly number[]): Promise<ReadonlySet<number>> {
  if (ids.length === 0) return new Set()
  const rows = await queryRows(
    connection,
    `SELECT c.oid::text FROM pg_class c WHERE c.oid IN (${ids.join(', ')}) AND CASE
       WHEN EXISTS (SELECT FROM pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock') THEN false
       ELSE pg_relation_size(c.oid) = 0 END`,
  )
  return new Set(rows.map(([id]) => Number(id)))
}
