import type { RowChange } from '../contracts/change.ts'
import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'
import type { CarriedKeys } from './carry.ts'

/**
 * The keys of one table whose rows the sinks hold with holes: the log left out an unchanged value of a row they do not hold.
 *
 * A row moves when it is updated. Moved from a block not yet read into one already read, or past the planned end, it is in no chunk;
 * the stream carries it, without its unchanged TOAST values. While block ranges are being copied nobody knows which rows the sinks
 * hold, so every update with a hole marks its key; a chunk that delivers the row clears the mark. Once all block ranges are delivered,
 * an unmarked row is held whole, and stays so: from then on marks only move with their row, and the reading of marked keys comes to an end.
 * An insert with a hole (a row that moved into the row filter) always marks, for all sinks. So does an update of a table of which
 * transforms leave rows out: the row may have moved into a filter, and then no sink holds it.
 */
export type Incomplete = {
  readonly keys: ReadonlyMap<string, IncompleteKey>
  /** `oldKey` null: the key is the same. */
  update(change: RowChange & { op: 'update' }, key: string, oldKey: string | null): void
  insert(change: RowChange & { op: 'insert' }, key: string): void
  /** The row was deleted, at every sink. */
  delete(key: string): void
  /** The row was delivered whole to these sinks (null: all): enough only where they are all that lack it. */
  complete(key: string, audience: readonly string[] | null): void
  clearAll(): void
  restore(key: string, mark: IncompleteKey): void
  /** From here on an unmarked row is held whole. */
  endOfBlocks(): void
  carried(table: Table): CarriedKeys | null
}

/** `row` holds the key columns. `everyone`: sinks that do not copy the table lack it too. */
export type IncompleteKey = { row: Row; everyone: boolean }

/** More keys than this are not carried in a checkpoint: a restart reads the table again. Reading them is begun long before. */
const MAX_CARRIED = 2000

export type IncompleteOptions = {
  inBlocks: boolean
  /** The sinks that copy the table, null for all. */
  audience: readonly string[] | null
  /** Whether an update of the table may be of a row that no sink holds. */
  mayEnter(table: Table): boolean
}

export function createIncomplete({ inBlocks, audience: copying, mayEnter }: IncompleteOptions): Incomplete {
  const marks = new Map<string, IncompleteKey>()
  let carried: CarriedKeys | null | undefined = null
  const set = (key: string, mark: IncompleteKey) => {
    marks.set(key, mark)
    carried = undefined
  }
  const remove = (key: string) => {
    if (marks.delete(key)) carried = undefined
  }
  return {
    keys: marks,
    update(change, key, oldKey) {
      const before = marks.get(oldKey ?? key)
      if (oldKey !== null) remove(oldKey)
      if (!change.after.includes(UNCHANGED)) return remove(key)
      const everyone = mayEnter(change.table) || (before?.everyone ?? false)
      if (!before && !inBlocks && !everyone) remove(key)
      else set(key, { row: keyRow(change), everyone })
    },
    insert(change, key) {
      if (change.after.includes(UNCHANGED)) set(key, { row: keyRow(change), everyone: true })
      else remove(key)
    },
    delete: remove,
    complete(key, audience) {
      const mark = marks.get(key)
      if (!mark) return
      const reachesAll = audience === null || (!mark.everyone && copying !== null && copying.every((sink) => audience.includes(sink)))
      if (reachesAll) remove(key)
    },
    clearAll() {
      for (const key of marks.keys()) remove(key)
    },
    restore: set,
    endOfBlocks() {
      inBlocks = false
    },
    carried(table) {
      carried ??= marks.size === 0 ? null : carriedKeys(table, marks)
      return carried
    },
  }
}

function carriedKeys(table: Table, marks: ReadonlyMap<string, IncompleteKey>): CarriedKeys {
  const all = marks.size > MAX_CARRIED ? null : [...marks.values()]
  // A key row holds a value in each key column: keyRow takes them from the log, which always sends the key.
  const keys = all?.map(({ row, everyone }) => ({ values: table.key.map((column) => row[column] as Value), everyone })) ?? null
  return { tableId: table.id, version: table.version, keys }
}

/** A toasted key column that did not change comes in the old row only. */
function keyRow({ table, after, before }: RowChange & { op: 'insert' | 'update' }): Row {
  const row: Row = table.columns.map(() => null)
  for (const column of table.key) row[column] = (after[column] === UNCHANGED ? before?.[column] : after[column]) ?? null
  return row
}
