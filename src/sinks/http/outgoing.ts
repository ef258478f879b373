import type { Message } from '../../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { messageId, type PlacedMessage } from '../../messages/messages-of.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import type { HttpConfig } from './config.ts'

/** One message as it is sent. `table` and `position` say in an error which it was. */
export type Outgoing = {
  id: string
  message: Message
  /** Its part of a body. */
  text: string
  bytes: number
  table: string
  position: string
}

export function outgoingOf(placed: PlacedMessage, body: HttpConfig['body']): Outgoing {
  const { message, table, position } = placed
  const id = messageId(placed)
  const text = body === 'batch' ? element(id, message) : (message.value ?? 'null')
  return { id, message, text, bytes: Buffer.byteLength(text), table: table ? tableName(table) : 'no table', position }
}

function element(id: string, { topic, key, value, headers }: Message): string {
  let text = `{"id":"${id}"`
  if (topic !== null) text += `,"topic":${JSON.stringify(topic)}`
  if (key !== null) text += `,"key":${key}`
  if (headers !== null) text += `,"headers":${JSON.stringify(headers)}`
  return `${text},"value":${value ?? 'null'}}`
}

/**
 * What messages have to stay in order by: the table and key of the row, whatever the format makes of it; the table alone where it has no
 * key. Null where a message belongs between all that come before and all that come after: what is true of a whole table, a row that
 * changes its key (it must not overtake, nor be overtaken by, the changes of either), and what a format says by itself.
 */
export function createRouteOf(): (placed: PlacedMessage) => string | null {
  const keyOfTable = new WeakMap<Table, (row: Row) => string | null>()

  return ({ change, row, table }) => {
    if (change?.op === 'message') return change.prefix
    if (table === null || change?.op === 'truncate' || (change !== null && change.oldKey !== null)) return null
    const of = row ?? change?.after ?? change?.before ?? null
    if (of === null) return null
    let keyOf = keyOfTable.get(table)
    if (keyOf === undefined) keyOfTable.set(table, (keyOf = createRouteKey(table)))
    return keyOf(of)
  }
}

function createRouteKey(table: Table): (row: Row) => string | null {
  const name = tableName(table)
  if (table.key.length === 0) return () => name
  const keyOf = createKeyOf(table)
  return (row) => (table.key.some((column) => row[column] === UNCHANGED) ? null : `${name}\n${keyOf(row)}`)
}
