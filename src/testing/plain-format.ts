import type { Change } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

/** A format for tests of sinks: one line a change that says what it is, where it stands and what it holds. */
export function createPlainFormat(): Format {
  const changeLine = (change: Change): string => {
    const place = `${change.op === 'message' ? change.position : change.tx.position}/${change.ordinal}`
    if (change.op === 'message') return line([change.op, place, change.prefix])
    const row = change.op === 'truncate' ? null : (change.after ?? change.before)
    return line([change.op, place, tableName(change.table), row && textOf(change.table, row)])
  }
  const readLine: Format['readLine'] = (table, row, at) => line(['read', at.chunk, tableName(table), textOf(table, row)])
  const messageOf = (text: string) => [{ topic: null, key: null, value: text.slice(0, -1), headers: null }]
  return {
    changeLine,
    readLine,
    change: (change) => messageOf(changeLine(change)),
    read: (table, row, at) => messageOf(readLine(table, row, at)),
  }
}

function line(parts: readonly (string | null)[]): string {
  return `${JSON.stringify(parts)}\n`
}

/** Every value, as the text that is equal exactly where the values are. */
function textOf(table: Table, row: Row): string {
  const sent = row.map((value) => (value === UNCHANGED ? null : value))
  return createKeyOf({ ...table, key: [] })(sent)
}
