import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import type { Compaction } from './compaction.ts'

/**
 * A table without a key is a bag of rows: what remains of a batch is how many times each row came or went.
 * Deletes arrive only with REPLICA IDENTITY FULL, and then with the whole old row.
 */
export function createKeylessCompaction(table: Table): Compaction {
  const keyOf = createKeyOf(table)
  const counts = new Map<string, { row: Row; count: number }>()
  let wiped = false

  function add(row: Row, count: number): void {
    const key = keyOf(row)
    const entry = counts.get(key)
    if (entry) entry.count += count
    else counts.set(key, { row, count })
  }

  return {
    table,
    change({ op, before, after }) {
      if (op !== 'insert' && before !== null) add(before, -1)
      if (op !== 'delete' && after !== null) add(whole(after, before), 1)
    },
    truncate() {
      counts.clear()
      wiped = true
    },
    finish() {
      const entries = [...counts.values()]
      const times = (sign: 1 | -1) => entries.flatMap(({ row, count }) => Array.from({ length: Math.max(0, sign * count) }, () => row))
      return { wiped, deleted: wiped ? [] : times(-1), rows: times(1), partial: [] }
    },
  }
}

function whole(row: Row, before: Row | null): Row {
  return row.includes(UNCHANGED) ? row.map((value, at) => (value === UNCHANGED ? (before?.[at] ?? null) : value)) : row
}
