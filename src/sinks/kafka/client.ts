import type { BaseOptions, RecordsBatch } from '@platformatic/kafka'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { KafkaConfig } from './config.ts'
import { connectionOptions } from './connection-options.ts'
import { isUnknownTopic, kafkaError, saysKafka, type Asked } from './errors.ts'
import type { Library } from './produce.ts'
import { openProducer, type Producer } from './producer.ts'

const VERSION = '2.12.1'

/** The client repeats a request for about so long: a leader that moves is no failure. Past it the session begins anew. */
const RETRY_MS = 10_000
const LONGEST_DELAY_MS = 250
/** For what is not part of a transaction. */
const ANSWER_MS = 20_000
const FETCH_BYTES = 8 << 20
const READ_MS = 120_000

/** `messageBytes`: the largest batch that the topic takes; null where we may not see it. */
export type TopicFacts = { partitions: number; messageBytes: number | null; isCompacted: boolean | null }

export type NewTopic = { partitions: number | undefined; replication: number | undefined; settings: Readonly<Record<string, string>> }

/** What the sink asks of Kafka; throws errors of the table. */
export type Kafka = {
  brokers: string
  /** Connects and logs in, once: what no repetition mends is told at once. */
  reach(): Promise<void>
  /** Null where there is no such topic. */
  findTopic(topic: string): Promise<TopicFacts | null>
  /** Resolves where another made it meanwhile too. */
  createTopic(topic: string, facts: NewTopic): Promise<void>
  /** All that lies in the topic's first partition, undecided and undone transactions too, up to its end as it is now. */
  readBatches(topic: string): AsyncIterable<RecordsBatch>
  openProducer(transactionalId: string | null): Promise<Producer>
  close(): Promise<void>
}

/** The one file that loads the client library. */
export async function openKafka(settings: KafkaConfig, { sink }: { sink: string }): Promise<Kafka> {
  const library = await load(sink)
  const brokers = settings.brokers.join(', ')
  const options: BaseOptions & { timeout: number } = {
    ...connectionOptions(settings),
    clientId: 'millrace',
    bootstrapBrokers: [...settings.brokers],
    timeout: ANSWER_MS,
    // An idempotent producer's own number is without end: a topic that is not there would hang for ever. Its delay of a second
    // stalls each transaction that follows another, whose markers are still being written.
    retries: Math.ceil(RETRY_MS / LONGEST_DELAY_MS),
    retryDelay: (_client, _operation, attempt) => Math.min(LONGEST_DELAY_MS, 2 ** attempt),
  }
  const admin = quiet(new library.Admin(options))

  async function ask<T>(asked: Pick<Asked, 'what' | 'topic'>, request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      throw kafkaError(error, { sink, brokers, ...asked })
    }
  }

  /** With a client of its own: the others repeat a login that was refused, for they see only that a connection failed. */
  async function reach(): Promise<void> {
    const failures: unknown[] = []
    const probe = quiet(new library.Admin({ ...options, retries: 0 }), (error) => failures.push(error))
    try {
      await probe.metadata({ topics: [], retries: 0 })
    } catch (error) {
      // A broker that wants a certificate closes the connection; why, only the connection itself has heard.
      throw new AggregateError([error, ...failures], 'not reached', { cause: error })
    } finally {
      await probe.close().catch(() => {})
    }
  }

  async function partitionsOf(topic: string): Promise<number | null> {
    try {
      // Not repeated: that it is missing is an answer here.
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true, retries: 0 })
      return topics.get(topic)?.partitionsCount ?? null
    } catch (error) {
      if (isUnknownTopic(error)) return null
      throw error
    }
  }

  async function settingsOf(topic: string): Promise<Map<string, string | null>> {
    const resource = {
      resourceType: library.ConfigResourceTypes.TOPIC,
      resourceName: topic,
      configurationKeys: ['max.message.bytes', 'cleanup.policy'],
    }
    try {
      const [found] = await admin.describeConfigs({ resources: [resource] })
      return new Map(found?.configs.map(({ name, value }) => [name, value ?? null]))
    } catch (error) {
      // May be forbidden to those who may write.
      if (saysKafka(error, 'TOPIC_AUTHORIZATION_FAILED') || saysKafka(error, 'CLUSTER_AUTHORIZATION_FAILED')) return new Map()
      throw error
    }
  }

  async function* readBatches(topic: string): AsyncGenerator<RecordsBatch> {
    const consumer = quiet(new library.Consumer({ ...options, groupId: 'millrace-reads-without-a-group', maxWaitTime: 500 }))
    const at = { topics: [topic], partitions: { [topic]: [0] } }
    try {
      consumer.topics.track(topic)
      // Isolation 0: the end of what every replica has. The last stable offset would be held back by the open transaction of any
      // other writer to this topic, and our own newest record may lie past it.
      const end = (await consumer.listOffsets({ ...at, isolationLevel: 0 })).get(topic)?.[0] ?? 0n
      let next = (await consumer.listOffsets({ ...at, timestamp: -2n })).get(topic)?.[0] ?? 0n
      const deadline = Date.now() + READ_MS
      while (next < end) {
        if (Date.now() > deadline)
          throw new MillraceError('KAFKA_UNREADY', {
            sink,
            brokers,
            what: 'read positions',
            reason: `${topic} gives nothing at ${next} of ${end}`,
          })
        const { topics } = await consumer.metadata({ topics: [topic] })
        const facts = topics.get(topic)
        const leader = facts?.partitions[0]
        if (!facts || !leader) continue
        const partition = {
          partition: 0,
          currentLeaderEpoch: leader.leaderEpoch,
          fetchOffset: next,
          lastFetchedEpoch: -1,
          partitionMaxBytes: FETCH_BYTES,
        }
        const wanted = [{ topicId: facts.id, partitions: [partition] }]
        // Isolation 0 again: the client's own filter gives undone records and hides committed ones.
        const answer = await consumer.fetch({
          node: leader.leader,
          isolationLevel: 0,
          maxWaitTime: 500,
          minBytes: 1,
          maxBytes: FETCH_BYTES,
          topics: wanted,
        })
        for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
          const last = batch.firstOffset + BigInt(batch.lastOffsetDelta)
          // A fetch begins with the whole batch that its offset lies in.
          if (last < next) continue
          next = last + 1n
          yield batch
        }
      }
    } catch (error) {
      throw kafkaError(error, { sink, brokers, what: 'read positions', topic })
    } finally {
      await consumer.close(true).catch(() => {})
    }
  }

  return {
    brokers,
    reach: () => ask({ what: 'connect' }, reach),
    findTopic: (topic) =>
      ask({ what: `look at the topic ${topic}`, topic }, async () => {
        const partitions = await partitionsOf(topic)
        if (partitions === null) return null
        const found = await settingsOf(topic)
        const [bytes, policy] = [found.get('max.message.bytes'), found.get('cleanup.policy')]
        return { partitions, messageBytes: bytes ? Number(bytes) : null, isCompacted: policy ? policy === 'compact' : null }
      }),
    createTopic: (topic, { partitions = -1, replication = -1, settings: wanted }) =>
      ask({ what: `create the topic ${topic}`, topic }, async () => {
        const configs = Object.entries(wanted).map(([name, value]) => ({ name, value }))
        try {
          await admin.createTopics({ topics: [topic], partitions, replicas: replication, configs })
        } catch (error) {
          if (!saysKafka(error, 'TOPIC_ALREADY_EXISTS')) throw error
        }
        // The brokers hear of it one after the other.
        await admin.metadata({ topics: [topic], forceUpdate: true })
      }),
    readBatches,
    openProducer: (transactionalId) =>
      openProducer((own) => quiet(new library.Producer({ ...options, ...own })), { library, sink, brokers, transactionalId, settings }),
    close: async () => void (await admin.close().catch(() => {})),
  }
}

type Client = {
  connections: { on(event: 'connecting', listener: (payload: { connection: Connection }) => void): unknown }
}
type Connection = { on(event: 'error', listener: (error: unknown) => void): unknown }

/** A connection tells its end as an `error` event too, to nobody after the first time: that would end the process. */
function quiet<C>(client: C, onError: (error: unknown) => void = () => {}): C {
  const { connections } = client as unknown as Client // its types leave the events out
  connections.on('connecting', ({ connection }) => connection.on('error', onError))
  return client
}

async function load(sink: string): Promise<Library> {
  try {
    return await import('@platformatic/kafka')
  } catch (error) {
    throw new MillraceError('SINK_CLIENT_MISSING', { sink, package: '@platformatic/kafka', version: VERSION }, { cause: error })
  }
}
