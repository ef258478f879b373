import type { Batch } from '../../contracts/batch.ts'
import type { Format } from '../../contracts/format.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { messageId, messagesOf, type PlacedMessage } from '../../messages/messages-of.ts'

/** One record of PutRecords. `bytes`: data and partition key, which is what its limits count. */
export type KinesisRecord = { partitionKey: string; data: Uint8Array; bytes: number }

export type RecordOptions = {
  sink: string
  stream: string
  format: Format
  partitionKey(placed: PlacedMessage): string
  /** Key, topic, headers and id around the value. */
  wrap: boolean
  /** The stream's own limit. */
  maxRecordBytes: number
  /** Told once, when headers that say more than the content's type are first left out. */
  headersLeftOut(): void
}

/**
 * Every message of a batch as a record, in order. What is larger than the stream takes is a data error that names table and position.
 *
 * A tombstone (no value) is a record without bytes: a format that tells a delete by it alone would lose the delete were it left out.
 */
export function createRecords(options: RecordOptions): (batch: Batch) => Generator<KinesisRecord> {
  const { format, partitionKey, wrap, maxRecordBytes } = options
  let hasTold = false

  return function* records(batch) {
    for (const placed of messagesOf(format, batch)) {
      if (!wrap && !hasTold && saysMore(placed.message.headers)) {
        hasTold = true
        options.headersLeftOut()
      }
      const record = recordOf(partitionKey(placed), wrap ? wrapped(placed) : (placed.message.value ?? ''))
      if (record.bytes > maxRecordBytes) throw tooLarge(placed, record.bytes, options)
      yield record
    }
  }
}

/** What kind of text it is, a reader sees. */
function saysMore(headers: Record<string, string> | null): boolean {
  return headers !== null && Object.keys(headers).some((name) => name !== 'content-type')
}

function recordOf(partitionKey: string, text: string): KinesisRecord {
  const data = Buffer.from(text)
  return { partitionKey, data, bytes: data.length + Buffer.byteLength(partitionKey) }
}

/** Key and value are JSON already. */
function wrapped(placed: PlacedMessage): string {
  const { topic, key, value, headers } = placed.message
  const id = JSON.stringify(messageId(placed))
  return `{"id":${id},"topic":${JSON.stringify(topic)},"key":${key ?? 'null'},"value":${value ?? 'null'},"headers":${JSON.stringify(headers)}}`
}

function tooLarge({ table, position }: PlacedMessage, bytes: number, { sink, stream, maxRecordBytes }: RecordOptions): MillraceError {
  const of = table === null ? 'no table' : tableName(table)
  return new MillraceError('SINK_RECORD_TOO_LARGE', { sink, stream, table: of, position, bytes, limit: maxRecordBytes })
}
