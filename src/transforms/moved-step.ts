import type { Change, RowChange, TruncateChange } from '../contracts/change.ts'
import type { Row, Table } from '../contracts/table.ts'
import type { TableStep } from '../contracts/transform.ts'
import { movedChange } from './moved-change.ts'
import { narrowImage } from './narrow-image.ts'

/** A step in which columns only go, stay or take another name: no value is looked at. `moves[i]`: where column i of `to` comes from. */
export function movedStep(from: Table, to: Table, moves: readonly number[]): TableStep {
  const isWhole = moves.length === from.columns.length && moves.every((source, index) => source === index)
  const narrow = isWhole ? (row: Row) => row : (row: Row): Row => moves.map((source) => row[source] as Row[number]) // moves are its columns
  const imageOf = isWhole ? null : narrowImage(moves)
  return {
    to,
    moves,
    selects: false,
    rows: (rows) => (isWhole ? rows : rows.map(narrow)),
    change(change) {
      if (change.op === 'truncate' || change.op === 'delete' || !change.image)
        return mappedChange(change, to, { after: narrow, old: narrow })
      return movedChange(change, to, imageOf === null ? change.image : imageOf(change.image))
    },
  }
}

/** The change with its rows made anew; its image is gone. */
export function mappedChange(change: RowChange | TruncateChange, table: Table, rows: { after(row: Row): Row; old(row: Row): Row }): Change {
  if (change.op === 'truncate') return { ...change, table }
  if (change.op === 'delete') return { ...change, table, before: rows.old(change.before) }
  const { image: _, ...rest } = change
  const after = rows.after(change.after)
  if (rest.op === 'insert') return { ...rest, table, after }
  const { before, oldKey } = rest
  return { ...rest, table, after, before: before && rows.old(before), oldKey: oldKey && rows.old(oldKey) }
}
