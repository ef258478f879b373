import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Format } from '../../contracts/format.ts'
import type { Table } from '../../contracts/table.ts'
import { sinkConformance, type ReadMessage, type SinkPlace } from '../../testing/sink-conformance.ts'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
import type { KafkaRecord } from '../../../test/servers/kafka-reader.ts'
import { definition } from './definition.ts'
import { settingsOn } from './sink.fixture.ts'
import { topicName } from './topic-name.ts'

let server: KafkaServer
/** The first time on a machine the broker is fetched. */
beforeAll(async () => void (server = await startKafka()), 600_000)
afterAll(() => server?.stop())

describe.each(['exactly-once', 'at-least-once'] as const)('the sink kafka conforms, %s', (delivery) => {
  const capabilities = { ...definition.capabilities, delivery }
  const place = async (): Promise<SinkPlace> => {
    // More partitions than one: what has no key stays in one of them for each table.
    const settings = settingsOn(server, { delivery, createTopics: { partitions: 3 } })
    const ownTopic = `${settings.prefix}.own`
    const topics = new Set([ownTopic])
    const note = (table: Table | null) => void (table && topics.add(topicName(`${settings.prefix}.${table.schema}.${table.name}`)))
    return {
      open: (context) => definition.open(settings, { ...context, format: context.format && notedBy(note, context.format) }),
      async messages() {
        const found: ReadMessage[] = []
        for (const topic of topics) found.push(...(await server.reader().read(topic)).map(readMessage))
        return found
      },
      ownTopic,
      remove: async () => {},
    }
  }
  for (const { title, run } of sinkConformance({ name: 'kafka', capabilities, place })) test(title, run)
})

/** Which tables have a topic by now: Java's consumer is asked by name. */
function notedBy(note: (table: Table | null) => void, format: Format): Format {
  return {
    ...format,
    change: (change) => (note(change.table), format.change(change)),
    read: (table, row, at) => (note(table), format.read(table, row, at)),
    control: (batch) => (note(batch.table), format.control?.(batch) ?? []),
  }
}

function readMessage({ key, value, headers }: KafkaRecord): ReadMessage {
  return { key: key?.toString() ?? null, value: value?.toString() ?? null, headers }
}
