import { tableName, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { CHANGE_COLUMNS } from './change-columns.ts'

/** A table must not have a column of a name that files of changes keep for themselves: readers could not tell them apart. */
export function refuseReserved(sink: string, table: Table): void {
  const reserved: readonly string[] = CHANGE_COLUMNS
  const clash = table.columns.find(({ name }) => reserved.includes(name.toLowerCase()))
  if (clash) throw new MillraceError('SINK_RESERVED_COLUMN', { sink, table: tableName(table), column: clash.name.toLowerCase() })
}
