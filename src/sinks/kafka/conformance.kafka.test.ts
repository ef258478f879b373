import { afterAll, beforeAll, describe, test } from 'vitest'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
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
    return {
      open: (context) => definition.open(settings, context),
      async lines({ schema, name }) {
        const records = await server.reader().read(topicName(`${settings.prefix}.${schema}.${name}`))
        return records.map(({ value }) => value?.toString() ?? '')
      },
      remove: async () => {},
    }
  }
  for (const { title, run } of sinkConformance({ name: 'kafka', capabilities, place })) test(title, run)
})
