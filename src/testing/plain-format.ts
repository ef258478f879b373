import type { Change } from '../contracts/change.ts'
import type { Format, Message } from '../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

/** A format for tests of sinks: one line a change that says what it is, where it stands and what it holds; as a message, with its key and its kind. */
export function createPlainFormat(): Format {
  const changeLine = (change: Change): string => {
    const place = `${change.op === 'message' ? change.position : change.tx.position}/${change.ordinal}`
    if (change.op === 'message') return line([change.op, place, change.prefix])
    return line([change.op, place, tableName(change.table), change.op === 'truncate' ? null : textOf(change.table, rowOf(change))])
  }
  const readLine: Format['readLine'] = (table, row, at) => line(['read', at.chunk, tableName(table), textOf(table, row)])
  return {
    changeLine,
    readLine,
    change(change) {
      const key = change.op === 'message' || change.op === 'truncate' ? null : keyOf(change.table, rowOf(change))
      return [messageOf(changeLine(change), key, change.op)]
    },
    read: (table, row, at) => [messageOf(readLine(table, row, at), keyOf(table, row), 'read')],
  }
}

function messageOf(text: string, key: string | null, op: string): Message {
  return { topic: null, key, value: text.slice(0, -1), headers: { op } }
}

function rowOf(change: Exclude<Change, { op: 'message' | 'truncate' }>): Row {
  return change.after ?? change.before
}

/** JSON, as keys of formats are, and of two tables never equal; null where the table has none. */
function keyOf(table: Table, row: Row): string | null {
  return table.key.length > 0 ? JSON.stringify([tableName(table), createKeyOf(table)(row)]) : null
}

function line(parts: readonly (string | null)[]): string {
  return `${JSON.stringify(parts)}\n`
}

/** Every value, as the text that is equal exactly where the values are. */
function textOf(table: Table, row: Row): string {
  const sent = row.map((value) => (value === UNCHANGED ? null : value))
  return createKeyOf({ ...table, key: [] })(sent)
}
