import type { FormatContext } from '../../contracts/definition.ts'
import type { Change } from '../../contracts/change.ts'
import type { Format, Message, ReadPlace } from '../../contracts/format.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { createChangeText, messageText, truncateText } from '../../messages/json/change-text.ts'
import { copyBegunUs } from '../../messages/copy-time.ts'
import { changeId, rowId } from '../../messages/message-id.ts'
import { withMessageLines, withValueLines } from '../../messages/message-lines.ts'
import { perTable } from '../../messages/per-table.ts'
import { binaryMessage, structuredMessage, type Binding } from './content-modes.ts'
import { createAttributes, type AttributeTemplates, type Occurrence } from './attributes.ts'

export type CloudEventsOptions = AttributeTemplates & { mode: 'structured' | 'binary'; headers: Binding }

/**
 * CloudEvents 1.0 (github.com/cloudevents/spec). The data is the change as Millrace's own JSON, without its place in the log, which the
 * attributes tell: `id` (the same on a replay), `sequence` (ordered as the log is) and `time`.
 */
export function createCloudEvents(options: CloudEventsOptions, { pipeline }: FormatContext): Format {
  const textOf = perTable(createChangeText)
  const attributesOf = createAttributes(options, pipeline)
  const isBinary = options.mode === 'binary'
  const message = (occurrence: Occurrence, data: string): Message => {
    const attributes = attributesOf(occurrence)
    const event = { attributes, key: occurrence.key, data }
    return isBinary ? binaryMessage(event, options.headers) : structuredMessage(event)
  }

  const messages = {
    change: (change: Change) => [message(occurrenceOf(change), dataOf(change))],
    read: (table: Table, row: Row, at: ReadPlace) => {
      const { rows, read } = textOf(table)
      const key = keyText(rows.key(row, null))
      const place = { position: at.position, sequence: at.position, timeUs: copyBegunUs(at.chunk) }
      const occurrence = { id: rowId(table, row, at), key, table, change: null, row, chunk: at.chunk, ...place }
      return [message(occurrence, read(row, ',"xid":null}'))]
    },
  }
  return isBinary ? withMessageLines(messages) : withValueLines(messages)

  function occurrenceOf(change: Change): Occurrence {
    const position = change.op === 'message' ? change.position : change.tx.position
    const timeUs = change.tx?.commitTimeUs ?? null
    const place = { position, sequence: sequenceOf(position, change.ordinal), timeUs }
    return { id: changeId(change), key: keyOf(change), table: change.table, change, row: null, chunk: null, ...place }
  }

  function keyOf(change: Change): string | null {
    if (change.op === 'message' || change.op === 'truncate') return null
    const { rows } = textOf(change.table)
    return keyText(change.op === 'delete' ? rows.key(change.before, null) : rows.key(change.after, change.before))
  }

  function dataOf(change: Change): string {
    const end = `,"xid":${change.tx?.xid ?? 'null'}}`
    if (change.op === 'message') return messageText(change) + end
    return change.op === 'truncate' ? truncateText(change) + end : textOf(change.table).change(change, end)
  }
}

function keyText(key: string): string | null {
  return key === 'null' ? null : key
}

/** Sorts as text as the log is ordered; a row read, which has the position alone, before the changes of its place. */
function sequenceOf(position: string, ordinal: number): string {
  return `${position.slice(0, 16)}:${ordinal.toString(16).toUpperCase().padStart(12, '0')}`
}
