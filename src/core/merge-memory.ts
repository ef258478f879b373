import type { RowChange } from '../contracts/change.ts'
import type { TransactionId } from '../contracts/position.ts'
import type { ChunkRows, Visibility } from '../contracts/source.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { createIncomplete, type Incomplete, type IncompleteOptions } from './incomplete.ts'
import type { MergeRules, UnderWay } from './merge-rules.ts'

/**
 * What is remembered of one table while it is being copied: which keys were delivered, each with the newest transaction that touched it,
 * and which came with holes.
 *
 * The newest transaction of a key is enough: it could touch the key only after the earlier ones had ended, so a snapshot that sees it
 * sees them too.
 */
export type TableMemory = {
  readonly audience: readonly string[] | null
  readonly incomplete: Incomplete
  change(change: RowChange, remembered: boolean): void
  truncate(xid: TransactionId): void
  /** Forgets what no chunk can fail to see any more. */
  prune(known: Visibility | null, underWay: readonly UnderWay[]): void
  /** The rows that are not older than what was delivered; notes what they complete. */
  rowsToEmit(rows: ChunkRows, seen: Visibility, reading: Reading): ChunkRows
  /** For tests and gauges: keys remembered. */
  readonly size: number
}

/** `asked`: the keys that were asked for, where the chunk is a list of keys. */
export type Reading = { audience: readonly string[] | null; asked: readonly string[] | null }

export function createTableMemory(options: { rules: MergeRules } & IncompleteOptions): TableMemory {
  const { rules, audience } = options
  const incomplete = createIncomplete(options)
  const touched = new Map<string, TransactionId>()
  let truncated: TransactionId | null = null
  let table: Table | null = null
  let keyOf: (row: Row) => string = () => ''

  const follow = (next: Table) => {
    table = next
    keyOf = createKeyOf(next)
  }
  const newKey = (change: RowChange & { op: 'insert' | 'update' }) => keyOf(withKey(change.table, change.after, change.before))
  const memory: TableMemory = {
    audience,
    incomplete,
    get size() {
      return touched.size
    },
    change(change, remembered) {
      if (change.table !== table) follow(change.table)
      const xid = change.tx.xid
      if (change.op === 'delete') {
        const key = keyOf(change.before)
        if (remembered) touched.set(key, xid)
        return incomplete.delete(key)
      }
      const key = newKey(change)
      if (remembered) touched.set(key, xid)
      if (change.op === 'insert') return incomplete.insert(change, key)
      const oldKey = change.oldKey === null ? null : keyOf(change.oldKey)
      if (remembered && oldKey !== null && rules.remembersOldKeys) touched.set(oldKey, xid)
      incomplete.update(change, key, oldKey)
    },
    truncate(xid) {
      truncated = xid
      incomplete.clearAll()
    },
    prune(known, underWay) {
      if (truncated !== null && rules.forgets(truncated, known, underWay)) truncated = null
      for (const [key, xid] of touched) if (rules.forgets(xid, known, underWay)) touched.delete(key)
    },
    rowsToEmit(rows, seen, reading) {
      if (truncated !== null && rules.isHidden(truncated, seen)) return rows.filter(new Uint8Array(rows.rowCount))
      const hidden = new Set<string>()
      for (const [key, xid] of touched) if (rules.isHidden(xid, seen)) hidden.add(key)
      // No key of the chunk can be among them: it passes whole, and nobody looks at its rows.
      if (hidden.size === 0 && incomplete.keys.size === 0) return rows
      return sift(rows, hidden, reading)
    },
  }

  /** Drops hidden rows; a row that goes out whole fills its holes, as far as it reaches those who have them. */
  const sift = (rows: ChunkRows, hidden: ReadonlySet<string>, { audience: reached, asked }: Reading): ChunkRows => {
    const keep = new Uint8Array(rows.rowCount).fill(1)
    const missing = new Set(asked ?? [])
    let dropped = 0
    for (let index = 0; index < rows.rowCount; index++) {
      const key = rows.key(index)
      missing.delete(key)
      if (hidden.has(key)) {
        keep[index] = 0
        dropped++
      } else incomplete.complete(key, reached)
    }
    // Asked for, not there, and nothing newer was delivered: the row went without a word in the log (a partition detached or truncated alone).
    for (const key of missing) if (!hidden.has(key)) incomplete.delete(key)
    return dropped === 0 ? rows : rows.filter(keep)
  }
  return memory
}

/** A toasted key column that did not change comes in the old row only. */
function withKey(table: Table, after: Row, before: Row | null): Row {
  if (before === null || !table.key.some((column) => after[column] === UNCHANGED)) return after
  return after.map((value, column) => (value === UNCHANGED ? (before[column] ?? null) : value))
}
