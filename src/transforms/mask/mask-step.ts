import { UNCHANGED, type Column, type Row, type Table } from '../../contracts/table.ts'
import type { TableStep } from '../../contracts/transform.ts'
import { alterTable } from '../alter-table.ts'
import { mappedChange } from '../moved-step.ts'

/** What is in place of a column's values, and what the column is then. */
export type Mask = { column: Column; of(value: Row[number]): Row[number] }

/** The step that masks columns, by their index. A value that was not sent stays so. */
export function maskStep(table: Table, masks: ReadonlyMap<number, Mask>): TableStep {
  const columns = table.columns.map((column, index) => masks.get(index)?.column ?? column)
  const to = alterTable(table, { columns })
  const masked = [...masks].map(([index, { of }]) => ({ index, of }))
  const map = (row: Row): Row => {
    const made = [...row]
    for (const { index, of } of masked) {
      const value = row[index]
      if (value !== undefined && value !== UNCHANGED) made[index] = of(value)
    }
    return made
  }
  return {
    to,
    moves: columns.map((_, index) => (masks.has(index) ? null : index)),
    selects: false,
    rows: (rows) => rows.map(map),
    change: (change) => mappedChange(change, to, { after: map, old: map }),
  }
}
