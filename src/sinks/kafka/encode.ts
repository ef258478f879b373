import '../../lib/buffer-slices.ts'
import type { Table } from '../../contracts/table.ts'
import { tableName } from '../../contracts/table.ts'
import { createTemplate } from '../../messages/template.ts'
import type { PlacedMessage } from '../../messages/messages-of.ts'
import type { KafkaConfig } from './config.ts'
import { partitionOf } from './murmur2.ts'
import type { Encoded } from './outgoing.ts'
import type { Header } from './record-batch.ts'
import type { Topic } from './topics.ts'

export type Encoder = {
  /** The text that names its topic: the sink's own setting, else what the format says, else the table. */
  topicText(placed: PlacedMessage): string
  /** Good until the next call: keys share their bytes. */
  message(placed: PlacedMessage, topic: Topic): Encoded
}

const BY_TABLE = '${schema}.${table}'

/**
 * What has a key goes where Java's producer would send it: all of one key in order. What has none goes to one partition for each
 * table: all of one table in order, which spreading over partitions would not keep.
 */
export function createEncoder({ topic, key }: Pick<KafkaConfig, 'topic' | 'key'>): Encoder {
  const topicTemplate = createTemplate(topic ?? BY_TABLE)
  const keyTemplate = key === undefined ? null : createTemplate(key)
  const nameBytesOf = createByteLengths()
  const places = new WeakMap<Table, Buffer>()
  let keyBuffer = Buffer.allocUnsafeSlow(1024)

  const placeOf = (table: Table | null): Buffer => {
    if (table === null) return NO_TABLE
    let place = places.get(table)
    if (!place) places.set(table, (place = Buffer.from(tableName(table))))
    return place
  }

  /** Returns how many bytes it has. */
  const writeKey = (text: string): number => {
    // A sign is three bytes at most, two of UTF-16 four.
    if (text.length * 3 > keyBuffer.length) keyBuffer = Buffer.allocUnsafeSlow(text.length * 6)
    return keyBuffer.utf8Write(text, 0, keyBuffer.length)
  }

  return {
    topicText(placed) {
      // What is of no table is not of the sink's template: the end of a transaction has a topic of the format's.
      if (placed.message.topic !== null && (topic === undefined || placed.table === null)) return placed.message.topic
      return topicTemplate.text(placed)
    },
    message(placed, { partitions }) {
      const { message, table } = placed
      const keyText = keyTemplate ? keyTemplate.text(placed) : message.key
      const keyBytes = keyText === null ? -1 : writeKey(keyText)
      const { value, headers } = message
      return {
        key: keyBuffer,
        keyBytes,
        partition: keyBytes < 0 ? partitionOf(placeOf(table), partitions) : partitionOf(keyBuffer, partitions, keyBytes),
        value,
        valueBytes: value === null ? -1 : Buffer.byteLength(value),
        headers: headers === null ? NO_HEADERS : headersOf(headers, nameBytesOf),
      }
    },
  }
}

const NO_TABLE = Buffer.from('')
const NO_HEADERS: readonly Header[] = []

function headersOf(headers: Record<string, string>, nameBytesOf: (name: string) => number): Header[] {
  return Object.entries(headers).map(([name, text]) => ({ name, nameBytes: nameBytesOf(name), text, textBytes: Buffer.byteLength(text) }))
}

/** Names of headers are few. */
function createByteLengths(): (name: string) => number {
  const known = new Map<string, number>()
  return (name) => {
    let bytes = known.get(name)
    if (bytes === undefined) known.set(name, (bytes = Buffer.byteLength(name)))
    return bytes
  }
}
