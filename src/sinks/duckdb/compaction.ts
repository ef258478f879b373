import type { RowChange } from '../../contracts/change.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import { isImage, rowOf, type HeldRow } from './held-rows.ts'

/**
 * The changes of one table, reduced to the last state of each key. What it says at the end, applied to a table that
 * holds the state before the first change, gives the state after the last one:
 * empty the table if `wiped`; take the rows that `partial` needs; delete `deleted`; append rows.
 */
export type Compacted = {
  wiped: boolean
  /** Rows holding the keys to delete. */
  deleted: HeldRow[]
  /** Rows to append, whole. */
  rows: HeldRow[]
  /**
   * Rows to append whose UNCHANGED values the table holds, in the row with the key of `from` (null: nowhere). `owed`: the
   * log updated a row, so one must have been there; an insert (a row that came into the row filter) promises none, nor does an
   * update that may be of a new row.
   */
  partial: { row: Row; from: Row | null; owed: boolean }[]
}

/** `row`: the key's last state, null when deleted. `stored`: the table may hold the key. `from`, `owed`: see Compacted.partial. */
type Entry = { key: HeldRow; row: HeldRow | null; stored: boolean; from: Row | null; owed: boolean }

export type Compaction = {
  readonly table: Table
  change(change: RowChange): void
  truncate(): void
  finish(): Compacted
}

/**
 * `overlaps`: rows of a snapshot may already hold what an insert brings, so every key counts as stored. Otherwise a key
 * whose first change is an insert is not in the table: the source's key is unique, and the position in the same
 * transaction as the rows keeps any change from being applied twice.
 *
 * At no point of the log does a key have two rows: keys are never deferrable (sources/postgres/keys.pg.test.ts), so the
 * server checks each before it writes the row. A row that leaves a key is therefore the one that came there last, and
 * batches may be cut anywhere.
 */
export function createCompaction(table: Table, overlaps: boolean): Compaction {
  const keyOf = createMapKeyOf(table)
  const keyOfImage = createImageKeyOf(table, keyOf)
  const entries = new Map<unknown, Entry>()
  let wiped = false

  function put(row: HeldRow, from: Row | null, owed: boolean): void {
    const key = isImage(row) ? keyOfImage(row) : keyOf(row)
    const entry = entries.get(key)
    if (!entry) return void entries.set(key, { key: row, row, stored: !wiped && (overlaps || from !== null), from, owed })
    entry.row = row
    // What the table holds under this key is of a row that is gone: nothing is to be taken from there.
    entry.from = from === row ? null : from
    entry.owed = owed
  }

  function remove(row: Row): void {
    const key = keyOf(row)
    const entry = entries.get(key)
    if (!entry) return void (wiped || entries.set(key, { key: row, row: null, stored: true, from: null, owed: false }))
    entry.row = entry.from = null
    if (!entry.stored) entries.delete(key)
  }

  function update(row: Row, owed: boolean): void {
    if (!row.includes(UNCHANGED)) return updateWhole(keyOf(row), row)
    const key = keyOf(row)
    const entry = entries.get(key)
    if (!entry) entries.set(key, { key: row, row, stored: !wiped, from: row, owed })
    else if (entry.row) fill(entry, row, rowOf(entry.row))
    else {
      entry.row = row
      entry.from = null
      entry.owed = owed
    }
  }

  function updateWhole(key: unknown, row: HeldRow): void {
    const entry = entries.get(key)
    if (!entry) return void entries.set(key, { key: row, row, stored: !wiped, from: null, owed: false })
    entry.row = row
    entry.from = null
    entry.owed = false
  }

  /** The key changed: what was not sent comes from the row under the old key. */
  function move(row: Row, oldKey: Row, isOwed: boolean): void {
    const entry = entries.get(keyOf(oldKey))
    const isPartial = row.includes(UNCHANGED)
    const base = isPartial && entry?.row ? rowOf(entry.row) : null
    const from = !isPartial ? null : entry ? entry.from : oldKey
    const owed = isPartial && (base ? (entry?.owed ?? isOwed) : isOwed)
    const whole = base ? merge(row, base) : row
    remove(oldKey)
    const hasHoles = whole.includes(UNCHANGED)
    put(whole, hasHoles ? from : null, hasHoles && owed)
  }

  return {
    table,
    change(change) {
      // An update that has an image came without its old row: its key did not change.
      if (change.op === 'insert' && change.image) put(change.image, null, false)
      else if (change.op === 'update' && change.image) updateWhole(keyOfImage(change.image), change.image)
      else if (change.op === 'insert') put(change.after, change.after.includes(UNCHANGED) ? change.after : null, false)
      else if (change.op === 'delete') remove(change.before)
      else if (change.oldKey !== null && keyOf(change.oldKey) !== keyOf(change.after)) move(change.after, change.oldKey, !change.mayBeNew)
      else update(change.after, !change.mayBeNew)
    },
    truncate() {
      entries.clear()
      wiped = true
    },
    finish: () => finish(entries, wiped),
  }
}

/** A lone integer is its own key in a map; making text of it would cost as much as the rest of compaction. */
function createMapKeyOf(table: Table): (row: Row) => unknown {
  const [first, second] = table.key
  const kind = first === undefined ? undefined : table.columns[first]?.type.kind
  const isInteger = kind === 'int16' || kind === 'int32' || kind === 'uint32' || kind === 'int64'
  return first !== undefined && second === undefined && isInteger ? (row) => row[first] : createKeyOf(table)
}

/** The same key as of the row. */
function createImageKeyOf(table: Table, keyOf: (row: Row) => unknown): (image: RowImage) => unknown {
  const [first, second] = table.key
  if (first !== undefined && second === undefined) {
    const row: Row = []
    return (image) => {
      row[first] = image.value(first)
      return keyOf(row)
    }
  }
  return (image) => {
    const row: Row = []
    for (const index of table.key) row[index] = image.value(index)
    return keyOf(row)
  }
}

function fill(entry: Entry, row: Row, base: Row): void {
  const whole = merge(row, base)
  entry.row = whole
  if (whole.includes(UNCHANGED)) return
  entry.from = null
  entry.owed = false
}

function merge(row: Row, base: Row): Row {
  return row.map((value, at) => (value === UNCHANGED ? (base[at] ?? null) : value))
}

function finish(entries: Map<unknown, Entry>, wiped: boolean): Compacted {
  const compacted: Compacted = { wiped, deleted: [], rows: [], partial: [] }
  for (const { key, row, stored, from, owed } of entries.values()) {
    if (stored) compacted.deleted.push(row ?? key)
    if (row === null) continue
    if (from !== null || owed) compacted.partial.push({ row: rowOf(row), from, owed })
    else compacted.rows.push(!isImage(row) && row.includes(UNCHANGED) ? row.map((value) => (value === UNCHANGED ? null : value)) : row)
  }
  return compacted
}
