import { z } from 'zod'
import { tableName, type Table } from '../../contracts/table.ts'
import { wholeName, type Pattern } from './property-schemas.ts'

export type KeyChoice = { column: Pattern }

const ENTRY = /^\s*([^:]+):([^:,]+(?:,[^:,]+)*)\s*$/

/** `schema.table:column,column;schema.other:column`, tables as regular expressions. */
export function keyColumnsSchema() {
  return z
    .string()
    .prefault('')
    .transform((list, context) => {
      const complain = (message: string): void => context.addIssue({ code: 'custom', message })
      return list
        .split(';')
        .filter((entry) => entry.trim() !== '')
        .flatMap((entry) => parseEntry(entry, complain))
    })
    .describe('Other columns as key: `schema.table:column,column;…`, tables as regular expressions. Default: the table’s key.')
}

function parseEntry(entry: string, complain: (message: string) => void): KeyChoice[] {
  const [, table = '', columns = ''] = ENTRY.exec(entry) ?? []
  if (table === '') complain('must be schema.table:column,column; with a semicolon between tables')
  return columns.split(',').map((column) => ({ column: wholeName(`${table}.${column.trim()}`, complain) }))
}

/** Indexes of the columns that make a message's key: those chosen, in the order of the choice; else the table's own key. */
export function keyColumnsOf(table: Table, choices: readonly KeyChoice[]): readonly number[] {
  const names = table.columns.map((column) => `${tableName(table)}.${column.name}`)
  const chosen = choices.flatMap(({ column }) => names.flatMap((name, index) => (column(name) ? [index] : [])))
  return chosen.length > 0 ? chosen : inOrder(table)
}

/** As the index has them. An order of other columns than the key's says nothing. */
function inOrder({ columns, key, keyOrder = [] }: Table): readonly number[] {
  const ordered = keyOrder.flatMap((id) => key.filter((index) => columns[index]?.id === id))
  return ordered.length === key.length ? ordered : key
}
