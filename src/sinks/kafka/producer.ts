import type { MessageToProduce, Producer as Client, ProducerOptions } from '@platformatic/kafka'
import type { KafkaConfig } from './config.ts'
import { kafkaError } from './errors.ts'

export type OutgoingMessage = MessageToProduce & { topic: string; partition: number }

/**
 * One writer. After anything of it threw it is only closed: a transaction in which a send failed must not be committed (the client
 * would commit the part that arrived and say that all is well), and its sequence numbers have a gap that the broker never forgives.
 * One call at a time: sends side by side in one transaction mix up the sequences.
 */
export type Producer = {
  /** Whether a transaction is open. */
  readonly isOpen: boolean
  /** Opens a transaction where there is none; nothing without an id. */
  begin(): Promise<void>
  send(messages: OutgoingMessage[]): Promise<void>
  commit(): Promise<void>
  /** Undoes what is open. Never throws, and waits a few seconds at most: whoever comes next undoes it too. */
  close(): Promise<void>
}

type OwnOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer> & { clientId?: string }
export type MakeClient = (options: Omit<OwnOptions, 'clientId' | 'bootstrapBrokers'>) => Client<Buffer, Buffer, Buffer, Buffer>

type Transaction = Awaited<ReturnType<ReturnType<MakeClient>['beginTransaction']>>

export type ProducerSettings = {
  sink: string
  brokers: string
  /** Null: idempotent only. */
  transactionalId: string | null
  settings: Pick<KafkaConfig, 'compression' | 'transactionTimeout'>
  /** Sequence numbers run to 2³¹ for a partition, and the client does not wrap them: it is made anew before. */
  mostMessages?: number
}

const MOST_MESSAGES = 1_500_000_000
const CLOSING_MS = 3000

/** With an id: throws out whoever had it before, and undoes what that one left open. When it resolves, all of it is decided and written. */
export async function openProducer(make: MakeClient, options: ProducerSettings): Promise<Producer> {
  const { sink, brokers, transactionalId, settings } = options
  const { compression, transactionTimeout: timeoutMs } = settings
  const mostMessages = options.mostMessages ?? MOST_MESSAGES
  let client = open()
  let transaction: Transaction | null = null
  let begunAt = Date.now()
  let sent = 0
  let isClosed = false

  if (transactionalId !== null) await asked('open a transaction', takeOver)

  function open(): ReturnType<MakeClient> {
    return make({
      idempotent: true,
      compression,
      ...(transactionalId !== null && { transactionalId }),
      // What it sends else is 0/0, and the broker takes the *new* writer for the one that is thrown out.
      producerId: -1n,
      producerEpoch: -1,
      // How long the broker waits for its replicas; of a transaction, how long it may be open: the client has one option for both.
      ...(transactionalId !== null && { timeout: timeoutMs }),
    })
  }

  async function asked<T>(what: string, request: () => Promise<T>): Promise<T> {
    try {
      // What was still under way when it was closed does not go on.
      if (isClosed) throw new Error('the writer is closed')
      return await request()
    } catch (error) {
      const facts = transactionalId === null ? undefined : { id: transactionalId, ageMs: Date.now() - begunAt, timeoutMs }
      throw kafkaError(error, { sink, brokers, what, transaction: facts })
    }
  }

  /** The client asks for its number, which throws the other one out, with its first transaction only. */
  async function takeOver(): Promise<void> {
    const first = await client.beginTransaction({})
    // Nothing was sent: the broker knows of no transaction.
    await first.cancel()
  }

  /** Between two transactions: nothing of the old one is undecided. */
  async function renew(): Promise<void> {
    await client.close(true)
    client = open()
    sent = 0
  }

  return {
    get isOpen() {
      return transaction !== null
    },
    begin: () =>
      asked('open a transaction', async () => {
        if (transaction !== null) return
        if (sent >= mostMessages) await renew()
        if (transactionalId === null) return
        begunAt = Date.now()
        transaction = await client.beginTransaction({})
      }),
    send: (messages) =>
      asked('send messages', async () => {
        sent += messages.length
        await (transaction ?? client).send({ messages })
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
