import type { Change, RowChange } from '../../contracts/change.ts'
import type { Format, Message } from '../../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { quoted } from '../../messages/json/json-text.ts'
import { createObjectText } from '../../messages/json/object-text.ts'
import { withValueLines } from '../../messages/message-lines.ts'
import { perTable } from '../../messages/per-table.ts'
import { createColumnLists, type ColumnLists } from './column-lists.ts'
import { bytesText, type ValueOptions } from './record-values.ts'

/**
 * pg_to_brokers' record: `{"transaction_id":689,"change_type":"table","table_name":"public.companies","operation":"UPDATE",
 * "fields":[…],"types":[…],"values":[…]}`. What its parser of test_decoding could not read is told in the same form: docs/specs/formats.md.
 */
export function createFieldsValues(options: ValueOptions): Format {
  const encoderOf = perTable((table) => createEncoder(table, options))
  return withValueLines({
    change: (change) => [messageOf(change)],
    read: (table, row) => [encoderOf(table).read(row)],
  })

  function messageOf(change: Change): Message {
    if (change.op === 'message') {
      const values = `[${quoted(change.prefix)},${bytesText(change.content)}]`
      const lists = `"fields":["prefix","content"],"types":["text","bytea"],"values":${values}`
      return message(
        `{"transaction_id":${change.tx?.xid ?? 'null'},"change_type":"message","table_name":null,"operation":"MESSAGE",${lists}}`,
      )
    }
    if (change.op !== 'truncate') return encoderOf(change.table).change(change)
    const { cascade, restartIdentity } = change
    const flags = `"cascade":${cascade},"restart_identity":${restartIdentity}`
    return message(
      `{"transaction_id":${change.tx.xid},${tableText(change.table)},"operation":"TRUNCATE","fields":[],"types":[],"values":[],${flags}}`,
    )
  }
}

type Encoder = { change(change: RowChange): Message; read(row: Row): Message }

/** For one table version. */
function createEncoder(table: Table, options: ValueOptions): Encoder {
  const lists = createColumnLists(table, options)
  const keys = createObjectText(table)
  const named = tableText(table)
  const keyOf = (row: Row, other: Row | null): string | null => (table.key.length === 0 ? null : keys.key(row, other))
  const unchangedIn = (row: Row): string => (row.includes(UNCHANGED) ? `,"unchanged":${keys.unchanged(row)}` : '')

  return {
    // A consumer knows inserts, updates and deletes: a row read is an insert of no transaction.
    read: (row) => message(`{"transaction_id":null,${named},"operation":"INSERT",${lists(row)}}`, keyOf(row, null)),
    change(change) {
      const head = `{"transaction_id":${change.tx.xid},${named},"operation":"${change.op.toUpperCase()}",`
      if (change.op === 'delete') return message(`${head}${lists(change.before)}}`, keyOf(change.before, null))
      const { before, after } = change
      return message(`${head}${lists(after)}${unchangedIn(after)}${oldText(change, lists)}}`, keyOf(after, before))
    },
  }
}

/** What the log sent of an update's old row: its key where that changed, all of it under REPLICA IDENTITY FULL. */
function oldText({ before, oldKey }: Exclude<RowChange, { op: 'delete' }>, lists: ColumnLists): string {
  const old = before ?? oldKey
  return old === null ? '' : `,"old":{${lists(old)}}`
}

function tableText(table: Table): string {
  return `"change_type":"table","table_name":${quoted(tableName(table))}`
}

function message(value: string, key: string | null = null): Message {
  return { topic: null, key, value, headers: null }
}
