import type { Change } from '../contracts/change.ts'
import type { ChunkId } from '../contracts/position.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

/** Names a change on every replay. */
export function placeOfChange(change: Change): string {
  return `${change.op === 'message' ? change.position : change.tx.position}-${change.ordinal}`
}

/** Names a row in every reading of one generation; another generation reads it as it is then. */
export function placeOfRow(chunk: ChunkId, key: string): string {
  return `${chunk.slice(0, chunk.lastIndexOf('/'))}:${key}`
}

/** The keys of rows and changes as text, by table version. Null for tables without a key: nothing is in order there but all. */
export function createKeyTexts() {
  const made = new WeakMap<Table, (row: Row) => string>()

  function of(table: Table, row: Row): string | null {
    if (table.key.length === 0) return null
    let keyOf = made.get(table)
    if (keyOf === undefined) made.set(table, (keyOf = createKeyOf(table)))
    return keyOf(row)
  }

  return {
    of,
    /** The key that a change leaves, and the one before where it is another. */
    ofChange(change: Change): readonly string[] {
      if (change.op === 'message' || change.op === 'truncate') return []
      const key = of(change.table, keyRow(change))
      const old = change.op === 'update' && change.oldKey !== null ? of(change.table, change.oldKey) : null
      return [key, old].filter((text) => text !== null)
    },
  }
}

/** A toasted key column that did not change comes in the old row only. */
export function keyRow(change: Extract<Change, { op: 'insert' | 'update' | 'delete' }>): Row {
  const { before } = change
  const after = change.op === 'delete' ? change.before : change.after
  if (!before || !change.table.key.some((column) => after[column] === UNCHANGED)) return after
  return after.map((value, column) => (value === UNCHANGED ? (before[column] ?? null) : value))
}
