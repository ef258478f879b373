import type { ClusterMetadata, Connection, Producer as Client } from '@platformatic/kafka'
import { isRetriable } from './errors.ts'

/** The client library, of which the wire's words are taken. */
export type Library = typeof import('@platformatic/kafka')
export type RawProducer = Client<Buffer, Buffer, Buffer, Buffer>

/** A batch of one partition, whole. */
export type Produced = { topic: string; partition: number; bytes: Buffer }

const PRODUCE = 0
/** How long the leader waits for its replicas. */
const REPLICAS_MS = 30_000
const ALL_REPLICAS = -1
const RETRY_MS = 10_000
const LONGEST_DELAY_MS = 250

/**
 * Sends batches to their leaders, and again where that may help. Safe to repeat: each batch has the number of its first record, by which the
 * broker knows one that it has already. Nothing else is sent meanwhile, so none overtakes.
 */
export function createProduce(library: Library, client: RawProducer, transactionalId: string | null) {
  let api: ReturnType<typeof apiOf> | null = null

  async function findApi(): Promise<ReturnType<typeof apiOf>> {
    const apis = await client.listApis()
    return apiOf(library, apis.find(({ apiKey }) => apiKey === PRODUCE)?.maxVersion ?? 0, transactionalId)
  }

  return async (batches: readonly Produced[], metadata: ClusterMetadata): Promise<void> => {
    api ??= await findApi()
    const deadline = Date.now() + RETRY_MS
    let known = metadata
    for (let left = batches, attempt = 1; ; attempt++) {
      const failures = await produceOnce({ client, api, known }, left)
      if (failures.length === 0) return
      const errors = failures.map(({ error }) => error)
      if (Date.now() > deadline || !errors.every(isRetriable)) throw new AggregateError(errors, 'not produced')
      left = failures.flatMap(({ some }) => some)
      await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_DELAY_MS, 2 ** attempt)))
      known = await client.metadata({ topics: [...new Set(left.map(({ topic }) => topic))], forceUpdate: true })
    }
  }
}

type Failure = { error: unknown; some: readonly Produced[] }
type Way = { client: RawProducer; api: ReturnType<typeof apiOf>; known: ClusterMetadata }

/** Each leader gets its own in one request. */
async function produceOnce({ client, api, known }: Way, batches: readonly Produced[]): Promise<Failure[]> {
  const byLeader = Map.groupBy(batches, ({ topic, partition }) => known.topics.get(topic)?.partitions[partition]?.leader ?? -1)
  const answers = [...byLeader].map(async ([leader, some]): Promise<Failure | null> => {
    try {
      // A leader that is not known is an error of the pool, which passes.
      const connection = await client.connections.get(known.brokers.get(leader) as { host: string; port: number })
      await api(connection, some)
      return null
    } catch (error) {
      return { error, some }
    }
  })
  return (await Promise.all(answers)).filter((failure) => failure !== null)
}

/** Requests from version 9 on are alike; older brokers than 2.4 do not know it. */
function apiOf(library: Library, newest: number, transactionalId: string | null) {
  const { createAPI, produceV9, produceV10, produceV11, UnsupportedApiError } = library
  const parsers = { 9: produceV9.parseResponse, 10: produceV10.parseResponse, 11: produceV11.parseResponse }
  const version = Math.min(newest, 11) as keyof typeof parsers
  const parse = parsers[version]
  if (!parse) throw new UnsupportedApiError(`The brokers take messages in version ${newest}; 9 (Kafka 2.4) is needed.`)
  const api = createAPI(PRODUCE, version, (batches: readonly Produced[]) => requestOf(library, batches, transactionalId), parse)
  return (connection: Connection, batches: readonly Produced[]): Promise<unknown> => api.async(connection, batches)
}

/*
  Produce Request (Version: 9) => transactional_id acks timeout_ms [topic_data] TAG_BUFFER
    transactional_id => COMPACT_NULLABLE_STRING · acks => INT16 · timeout_ms => INT32
    topic_data => name [partition_data] TAG_BUFFER
      name => COMPACT_STRING
      partition_data => index records TAG_BUFFER
        index => INT32 · records => COMPACT_RECORDS
*/
function requestOf({ Writer }: Library, batches: readonly Produced[], transactionalId: string | null) {
  const topics = [...Map.groupBy(batches, ({ topic }) => topic)]
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(ALL_REPLICAS)
    .appendInt32(REPLICAS_MS)
    .appendArray(topics, (writer, [topic, own]) => {
      writer.appendString(topic).appendArray(own, (each, { partition, bytes }) => {
        each
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes)
      })
    })
    .appendTaggedFields()
}
