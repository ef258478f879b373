import type { ConnectionOptions, ProducerOptions } from '@platformatic/kafka'
import type { KafkaConfig } from './config.ts'
import { kafkaError } from './errors.ts'
import { createProduce, type Library, type RawProducer } from './produce.ts'
import type { Records } from './record-batch.ts'

/**
 * One writer. After anything of it threw it is only closed: a transaction in which a send failed must not be committed (the client
 * would commit the part that arrived and say that all is well), and its sequence numbers have a gap that the broker never forgives.
 * One call at a time.
 */
export type Producer = {
  /** Whether a transaction is open. */
  readonly isOpen: boolean
  /** Opens a transaction where there is none; nothing without an id. */
  begin(): Promise<void>
  /** Resolves once all replicas have them. */
  send(records: readonly Records[]): Promise<void>
  commit(): Promise<void>
  /** Undoes what is open. Never throws, and waits a few seconds at most: whoever comes next undoes it too. */
  close(): Promise<void>
}

type OwnOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer> & ConnectionOptions
export type MakeClient = (options: Omit<OwnOptions, 'clientId' | 'bootstrapBrokers'>) => RawProducer

type Transaction = Awaited<ReturnType<RawProducer['beginTransaction']>>
type AddPartitions = Parameters<Transaction['addPartitions']>

export type ProducerSettings = {
  library: Library
  sink: string
  brokers: string
  /** Null: idempotent only. */
  transactionalId: string | null
  settings: Pick<KafkaConfig, 'compression' | 'transactionTimeout'>
  /** Of the first record of each partition; they count round at 2³¹. */
  firstSequence?: number
}

const CLOSING_MS = 3000
const LARGEST_SEQUENCE = 0x7fffffff

/** With an id: throws out whoever had it before, and undoes what that one left open. When it resolves, all of it is decided and written. */
export async function openProducer(make: MakeClient, options: ProducerSettings): Promise<Producer> {
  const { library, sink, brokers, transactionalId, settings, firstSequence = 0 } = options
  const isTransactional = transactionalId !== null
  const timeoutMs = settings.transactionTimeout
  const compression = library.compressionsAlgorithms[settings.compression]
  const client = make({
    idempotent: true,
    // What it sends else is 0/0, and the broker takes the *new* writer for the one that is thrown out.
    producerId: -1n,
    producerEpoch: -1,
    // The client has one option for how long a transaction may be open and for the answers to its requests.
    ...(isTransactional && { transactionalId, timeout: timeoutMs }),
  })
  const produce = createProduce(library, client, transactionalId)
  const sequences = new Map<string, number>()
  let transaction: Transaction | null = null
  let begunAt = Date.now()
  let isClosed = false

  try {
    await asked('open a transaction', isTransactional ? takeOver : async () => void (await client.initIdempotentProducer({})))
  } catch (error) {
    await briefly(client.close(true))
    throw error
  }

  async function asked<T>(what: string, request: () => Promise<T>): Promise<T> {
    try {
      // What was still under way when it was closed does not go on.
      if (isClosed) throw new Error('the writer is closed')
      return await request()
    } catch (error) {
      const facts = isTransactional ? { id: transactionalId, ageMs: Date.now() - begunAt, timeoutMs } : undefined
      throw kafkaError(error, { sink, brokers, what, transaction: facts })
    }
  }

  /** The client asks for its number, which throws the other one out, with its first transaction only. */
  async function takeOver(): Promise<void> {
    const first = await client.beginTransaction({})
    // Nothing was sent: the broker knows of no transaction.
    await first.cancel()
  }

  /** Each record has the number after the one before it in its partition, so that none is taken twice or out of its order. */
  function batchOf(records: Records): Buffer {
    const place = `${records.topic}:${records.partition}`
    const sequence = sequences.get(place) ?? firstSequence
    sequences.set(place, (sequence + records.count) & LARGEST_SEQUENCE)
    return records.batch({
      // It has both since it was opened.
      producerId: client.producerId!,
      producerEpoch: client.producerEpoch!,
      sequence,
      isTransactional,
      compression,
      crc32c: library.crc32c,
      timestampMs: Date.now(),
    })
  }

  return {
    get isOpen() {
      return transaction !== null
    },
    begin: () =>
      asked('open a transaction', async () => {
        if (transaction !== null || !isTransactional) return
        begunAt = Date.now()
        transaction = await client.beginTransaction({})
      }),
    send: (records) =>
      asked('send messages', async () => {
        const batches = records.map((each) => ({ topic: each.topic, partition: each.partition, bytes: batchOf(each) }))
        const metadata = await client.metadata({ topics: [...new Set(records.map(({ topic }) => topic))] })
        // A transaction has to know a partition before anything comes there. Of the messages it looks at no more than this.
        await transaction?.addPartitions(
          metadata as AddPartitions[0],
          batches.map(({ topic, partition }) => ({ topic, partition })) as unknown as AddPartitions[1],
        )
        await produce(batches, metadata)
      }),
    commit: () =>
      asked('commit a transaction', async () => {
        await transaction?.commit()
        transaction = null
      }),
    async close() {
      isClosed = true
      if (transaction !== null) await briefly(transaction.abort())
      transaction = null
      await briefly(client.close(true))
    },
  }
}

/** Waits for it, but not for long, and whatever becomes of it. */
async function briefly(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSING_MS)))
  await Promise.race([work.catch(() => {}), over])
  clearTimeout(timer)
}
