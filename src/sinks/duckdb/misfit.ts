import { tableName, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { DuckdbConfig } from './config.ts'
import { storedTypeOf, type StoredColumn } from './shape.ts'
import type { Misfit } from './vectors/cells.ts'

/** Thrown through a write: the column must become one that holds every value, and the write begin again. */
export class ColumnTooNarrow extends Error {
  readonly table: Table
  readonly columnId: number
  constructor(table: Table, columnId: number) {
    super('a column cannot hold a value')
    this.table = table
    this.columnId = columnId
  }
}

/**
 * What becomes of a value that its column cannot hold. An array's shape is no loss to anyone, so its column always
 * widens; everything else is the user's choice, and a key is never changed.
 */
export function createMisfit(at: {
  sink: string
  table: Table
  column: StoredColumn
  onValue: DuckdbConfig['onValue']
  count(): unknown
}): Misfit {
  const { table, column } = at
  const onValue = at.onValue === 'text' || !isKey(table, column) ? at.onValue : 'fail'
  return ({ canClamp, shape }) => {
    if (shape || onValue === 'text') throw new ColumnTooNarrow(table, column.id)
    if (onValue === 'fail' || (onValue === 'clamp' && !canClamp)) {
      throw new MillraceError('SINK_VALUE', { sink: at.sink, table: tableName(table), column: column.name, type: storedTypeOf(column).sql })
    }
    at.count()
    return onValue
  }
}

function isKey(table: Table, column: StoredColumn): boolean {
  return table.key.some((at) => table.columns[at]?.id === column.id)
}
