import type { Columns } from '../../contracts/batch.ts'
import { UNCHANGED, type Column, type Row } from '../../contracts/table.ts'
import { vectorOfValues } from './vector-of-values.ts'

/**
 * Rows of canonical values as columns. A value that the source did not send (UNCHANGED) becomes absent, as NULL does:
 * the two cannot be told apart in columns, so `onUnchanged` hears of each, and whoever must keep them apart does.
 */
export function columnsOfRows(
  columns: readonly Column[],
  rows: readonly Row[],
  onUnchanged: (row: number, column: number) => void = () => {},
): Columns {
  const vectors = columns.map(({ type }, at) => {
    const values = rows.map((row, index) => {
      const value = row[at]
      if (value === UNCHANGED) onUnchanged(index, at)
      return value === undefined || value === UNCHANGED ? null : value
    })
    return vectorOfValues(type, values)
  })
  return { rowCount: rows.length, vectors }
}
