import type { ControlBatch } from '../../contracts/batch.ts'
import type { Change, MessageChange, RowChange, TruncateChange } from '../../contracts/change.ts'
import type { Format, Message } from '../../contracts/format.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { base64, createTimeText, quoted } from '../../messages/json/json-text.ts'
import { createObjectText } from '../../messages/json/object-text.ts'
import { withValueLines } from '../../messages/message-lines.ts'
import { perTable } from '../../messages/per-table.ts'
import { createTemplate } from '../../messages/template.ts'
import { avroSchemaText } from './avro-schema.ts'
import { flatValueText } from './flat-value-text.ts'
import { lsnText, namesText } from './place-text.ts'
import { specText } from './schema-spec.ts'

export type ModificationOptions = { schema: 'spec' | 'avro'; schemaTopic?: string | undefined }

/**
 * pg2sink's messages: `{"timestamp","namespace","name","lsn","sequence","before","after"}` for each row, and before the rows of a table, and
 * after each change of its columns, its schema. The operation is told by what is null: `lsn` of a row read, `before` of an insert, `after`
 * of a delete. So an update always has a `before`: its key where the log sent nothing.
 */
export function createModification({ schema, schemaTopic }: ModificationOptions): Format {
  const encoderOf = perTable(createEncoder)
  const timeText = createTimeText()
  const topic = schemaTopic === undefined ? null : createTemplate(schemaTopic)
  const schemaText = schema === 'avro' ? avroSchemaText : specText

  return withValueLines({
    change: (change) => [messageOf(change)],
    read: (table, row) => [encoderOf(table).read(row)],
    control(batch) {
      // Each session tells it of each table before its first row, and whenever it changes.
      return batch.event === 'schema' ? [schemaMessage(batch)] : []
    },
  })

  function messageOf(change: Change): Message {
    if (change.op === 'message') return logicalMessage(change, change.tx && timeText(change.tx.commitTimeUs))
    const timestamp = timeText(change.tx.commitTimeUs)
    return change.op === 'truncate' ? truncateMessage(change, timestamp) : encoderOf(change.table).change(change, timestamp)
  }

  function schemaMessage(batch: ControlBatch): Message {
    const { table, end } = batch
    const key = `{${namesText(table)}}`
    const value = `{"timestamp":null,${namesText(table)},"lsn":${lsnText(end)},${schemaText(table)}}`
    const message = { topic: null, key, value, headers: null }
    if (topic === null) return message
    return { ...message, topic: topic.text({ message, part: 0, table, change: null, row: null, index: 0, chunk: null, position: end }) }
  }
}

type Encoder = { change(change: RowChange, timestamp: string): Message; read(row: Row): Message }

/** For one table version. */
function createEncoder(table: Table): Encoder {
  const rows = createObjectText(table, flatValueText)
  const names = namesText(table)
  const keyOf = (row: Row, other: Row | null): string | null => (table.key.length === 0 ? null : rows.key(row, other))
  const unchangedIn = (row: Row): string => (row.includes(UNCHANGED) ? `,"unchanged":${rows.unchanged(row)}` : '')
  const beforeOf = ({ before, oldKey, after }: Extract<RowChange, { op: 'update' }>): string => {
    if (before !== null) return rows.object(before)
    return table.key.length === 0 ? '{}' : rows.key(oldKey ?? after, after)
  }

  return {
    read: (row) =>
      message(`{"timestamp":null,${names},"lsn":null,"sequence":null,"before":null,"after":${rows.object(row)}}`, keyOf(row, null)),
    change(change, timestamp) {
      const head = `{"timestamp":"${timestamp}",${names},${placeText(change)}`
      if (change.op === 'delete') return message(`${head},"before":${rows.object(change.before)},"after":null}`, keyOf(change.before, null))
      const before = change.op === 'insert' ? 'null' : beforeOf(change)
      const { after } = change
      return message(`${head},"before":${before},"after":${rows.object(after)}${unchangedIn(after)}}`, keyOf(after, change.before))
    },
  }
}

/** The transaction's position, as pg2sink has it, and the operation's number in it, from 1. */
function placeText({ tx, ordinal }: Pick<RowChange | TruncateChange, 'tx' | 'ordinal'>): string {
  return `"lsn":${lsnText(tx.position)},"sequence":${ordinal + 1}`
}

/** pg2sink ended there. Neither before nor after: no row is meant. */
function truncateMessage(change: TruncateChange, timestamp: string): Message {
  const { table, cascade, restartIdentity } = change
  const flags = `"truncate":{"cascade":${cascade},"restartIdentity":${restartIdentity}}`
  return message(`{"timestamp":"${timestamp}",${namesText(table)},${placeText(change)},"before":null,"after":null,${flags}}`)
}

function logicalMessage({ prefix, content, transactional, position, ordinal }: MessageChange, timestamp: string | null): Message {
  const head = `{"timestamp":${timestamp === null ? 'null' : quoted(timestamp)},"namespace":null,"name":null`
  const said = `"message":{"prefix":${quoted(prefix)},"content":${base64(content)},"transactional":${transactional}}`
  return message(`${head},"lsn":${lsnText(position)},"sequence":${ordinal + 1},"before":null,"after":null,${said}}`)
}

function message(value: string, key: string | null = null): Message {
  return { topic: null, key, value, headers: null }
}
