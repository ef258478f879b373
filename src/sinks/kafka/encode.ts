import type { Table } from '../../contracts/table.ts'
import { tableName } from '../../contracts/table.ts'
import { createTemplate } from '../../messages/template.ts'
import type { PlacedMessage } from '../../messages/messages-of.ts'
import type { KafkaConfig } from './config.ts'
import { partitionOf } from './murmur2.ts'
import type { OutgoingMessage } from './producer.ts'
import type { Topic } from './topics.ts'

export type Encoder = {
  /** The text that names its topic: the sink's own setting, else what the format says, else the table. */
  topicText(placed: PlacedMessage): string
  message(placed: PlacedMessage, topic: Topic): OutgoingMessage
}

const BY_TABLE = '${schema}.${table}'

/**
 * What has a key goes where Java's producer would send it: all of one key in order. What has none goes to one partition for each
 * table: all of one table in order, which spreading over partitions would not keep.
 */
export function createEncoder({ topic, key }: Pick<KafkaConfig, 'topic' | 'key'>): Encoder {
  const topicTemplate = createTemplate(topic ?? BY_TABLE)
  const keyTemplate = key === undefined ? null : createTemplate(key)
  const headerName = createBytesOf()
  const places = new WeakMap<Table, Buffer>()

  const placeOf = (table: Table | null): Buffer => {
    if (table === null) return NO_TABLE
    let place = places.get(table)
    if (!place) places.set(table, (place = Buffer.from(tableName(table))))
    return place
  }

  return {
    topicText(placed) {
      // What is of no table is not of the sink's template: the end of a transaction has a topic of the format's.
      if (placed.message.topic !== null && (topic === undefined || placed.table === null)) return placed.message.topic
      return topicTemplate.text(placed)
    },
    message(placed, { name, partitions }) {
      const { message, table } = placed
      const keyText = keyTemplate ? keyTemplate.text(placed) : message.key
      const bytes = keyText === null ? null : Buffer.from(keyText)
      return {
        topic: name,
        partition: partitions === 1 ? 0 : partitionOf(bytes ?? placeOf(table), partitions),
        ...(bytes && { key: bytes }),
        ...(message.value !== null && { value: Buffer.from(message.value) }),
        ...(message.headers && { headers: headersOf(message.headers, headerName) }),
      }
    },
  }
}

const NO_TABLE = Buffer.from('')

function headersOf(headers: Record<string, string>, headerName: (name: string) => Buffer): Map<Buffer, Buffer> {
  return new Map(Object.entries(headers).map(([name, text]) => [headerName(name), Buffer.from(text)]))
}

/** Names of headers are few. */
function createBytesOf(): (name: string) => Buffer {
  const known = new Map<string, Buffer>()
  return (name) => {
    let bytes = known.get(name)
    if (!bytes) known.set(name, (bytes = Buffer.from(name)))
    return bytes
  }
}
