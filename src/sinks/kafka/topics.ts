import { MillraceError } from '../../errors/millrace-error.ts'
import type { KafkaConfig } from './config.ts'
import type { Kafka, TopicFacts } from './client.ts'
import { topicName } from './topic-name.ts'

/** `batchBytes`: how much of one partition goes into one batch. */
export type Topic = { name: string; partitions: number; batchBytes: number }

/** The topics that were written to, by the text that names them; looked up when they are first met, and again after a minute: partitions may be added. */
export type Topics = {
  known(text: string): Topic | undefined
  find(text: string): Promise<Topic>
  /** Between two transactions; inside one, a key must not change its partition. */
  forgetOld(): void
}

const FRESH_MS = 60_000
/** The head of a batch, and to spare. */
const HEAD_BYTES = 128

export type TopicsOptions = { kafka: Kafka; sink: string; settings: Pick<KafkaConfig, 'createTopics' | 'maxBatchSize'>; now?: () => number }

export function createTopics({ kafka, sink, settings, now = Date.now }: TopicsOptions): Topics {
  const topics = new Map<string, Topic & { foundAt: number }>()
  return {
    known: (text) => topics.get(text),
    async find(text) {
      const name = topicName(text)
      const { partitions, messageBytes } = await openTopic({ kafka, sink, createTopics: settings.createTopics }, name)
      const batchBytes = Math.min(settings.maxBatchSize, messageBytes ?? Number.MAX_SAFE_INTEGER) - HEAD_BYTES
      const topic = { name, partitions, batchBytes, foundAt: now() }
      topics.set(text, topic)
      return topic
    },
    forgetOld() {
      const oldest = now() - FRESH_MS
      for (const [text, { foundAt }] of topics) if (foundAt < oldest) topics.delete(text)
    },
  }
}

export type OpenTopicOptions = {
  kafka: Pick<Kafka, 'findTopic' | 'createTopic' | 'brokers'>
  sink: string
  createTopics: KafkaConfig['createTopics']
  /** Over those of the configuration. */
  settings?: Readonly<Record<string, string>>
  /** Whatever the configuration says. */
  partitions?: number
}

/** The hint makes the topic as it must be: one that was made otherwise would be refused next. */
export function topicMissing(
  { sink, partitions, settings = {} }: Pick<OpenTopicOptions, 'sink' | 'partitions' | 'settings'>,
  topic: string,
) {
  const words = Object.entries(settings).map(([key, value]) => ` --config ${key}=${value}`)
  return new MillraceError('KAFKA_TOPIC_MISSING', {
    sink,
    topic,
    settings: [partitions ? ` --partitions ${partitions}` : '', ...words].join(''),
  })
}

/** The topic as it is; made where it is missing and may be made. */
export async function openTopic(options: OpenTopicOptions, name: string): Promise<TopicFacts> {
  const { kafka, sink, createTopics: how } = options
  const found = await kafka.findTopic(name)
  if (found) return found
  if (how === false) throw topicMissing(options, name)
  const { partitions, replication, settings } = how === true ? { settings: {} } : how
  await kafka.createTopic(name, {
    partitions: options.partitions ?? partitions,
    replication,
    settings: options.settings ?? settings,
  })
  const made = await kafka.findTopic(name)
  if (made) return made
  throw new MillraceError('KAFKA_UNREADY', {
    sink,
    brokers: kafka.brokers,
    what: `create the topic ${name}`,
    reason: 'it is not there yet',
  })
}
