import type { Batch, ChangesBatch } from '../../contracts/batch.ts'
import type { Format } from '../../contracts/format.ts'
import type { Checkpoint, ChunkId } from '../../contracts/position.ts'
import type { Sink, SinkRecord } from '../../contracts/sink.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { orAborted } from '../../lib/or-aborted.ts'
import { messageId, messagesOf } from '../../messages/messages-of.ts'
import type { Kafka } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { createEncoder } from './encode.ts'
import { createOutgoing, sizeOf, type Largest } from './outgoing.ts'
import { openPositions } from './open-positions.ts'
import type { Positions } from './positions.ts'
import type { Producer } from './producer.ts'
import { createTopics } from './topics.ts'

export type KafkaSinkOptions = { kafka: Kafka; settings: KafkaConfig; sink: string; id: string; format: Format }

/** Asked for at once where changes wait: a transaction costs a few milliseconds, whatever is in it. */
const BATCH_BYTES = 1 << 20
/** What a broker takes as one request, and closes the connection on more (`socket.request.max.bytes`). */
const REQUEST_BYTES = 100 << 20

/**
 * Messages in Kafka.
 *
 * Exactly once, by this: the messages and the position that they reach are one transaction, so a reader of what is committed sees both or
 * neither. `resume` first takes the id over, which throws out whoever had it and undoes what that one left open, and then reads the
 * position: nothing can be added behind it any more but by us. A commit whose answer was lost is found there too.
 *
 * At least once, by this: the core's checkpoint follows the answers of all replicas. What was written after it comes again.
 *
 * Either way nothing is sent again after a failure: this sink ends, and the next one reads the position and is given what follows it. One
 * send follows the other, so that all of a key stays in order.
 */
export function createKafkaSink({ kafka, settings, sink, id, format }: KafkaSinkOptions): Sink {
  const isTransactional = settings.delivery === 'exactly-once'
  const topics = createTopics({ kafka, sink, settings })
  const encoder = createEncoder(settings)
  const outgoing = createOutgoing()
  /** Chunks delivered in part, with the numbers of their tables: no transaction ends before their last rows, which would come twice. */
  const partial = new Map<ChunkId, number>()
  let producer: Producer | null = null
  let positions: Positions | null = null
  /** Where the messages since the last commit end. */
  let reached: Checkpoint | null = null
  let sending: Promise<void> = Promise.resolve()

  return {
    resume,
    async beginAnew() {
      positions?.beginAnew()
    },
    write: (batch, signal) => orAborted(take(batch), signal),
    flush: (signal) => orAborted(finish(), signal),
    batchBytes: BATCH_BYTES,
    gatherMs: 0,
    [Symbol.asyncDispose]: dispose,
  }

  async function resume(): Promise<SinkRecord | null> {
    await kafka.reach()
    producer = await kafka.openProducer(isTransactional ? id : null)
    if (!isTransactional) return null
    positions = await openPositions({ kafka, sink, id, settings })
    return positions.read()
  }

  async function take(batch: Batch): Promise<'accepted' | 'durable'> {
    if (outgoing.isEmpty && producer?.isOpen === false) topics.forgetOld()
    await encode(batch)
    note(batch)
    // A lone change is committed at once; copies and descriptions of tables wait for a flush, or for the next change.
    if (isTransactional && (batch.kind !== 'changes' || !isWhole(batch))) return 'accepted'
    await finish()
    return 'durable'
  }

  async function encode(batch: Batch): Promise<void> {
    for (const placed of messagesOf(format, batch)) {
      const text = encoder.topicText(placed)
      const topic = topics.known(text) ?? (await topics.find(text))
      const message = encoder.message(placed, topic)
      const bytes = sizeOf(message)
      if (bytes > REQUEST_BYTES) throw tooLarge({ bytes, placed, topic: topic.name })
      if (!outgoing.hasRoom(topic, message.partition, bytes)) await send()
      outgoing.add(topic.name, message, { bytes, placed })
    }
  }

  function note(batch: Batch): void {
    reached = { position: batch.end, carry: batch.carry }
    if (batch.kind === 'rows' && !batch.last) partial.set(batch.chunk, batch.table.id)
    else if (batch.kind !== 'changes' && 'chunk' in batch) {
      partial.delete(batch.chunk)
      positions?.done(batch.chunk)
    } else if (batch.kind === 'control' && (batch.event === 'snapshot-begin' || batch.event === 'table-dropped')) {
      // The last part of a chunk whose copy was begun anew, or whose table is gone, never comes.
      for (const [chunk, tableId] of partial) if (tableId === batch.table.id) partial.delete(chunk)
    }
  }

  /** Whether a position may be held after it: the format sees each transaction whole, and no chunk is there in part. */
  function isWhole({ betweenTransactions }: ChangesBatch): boolean {
    return partial.size === 0 && (betweenTransactions || !format.wholeTransactions)
  }

  /** Everything that was given is durable when it resolves. */
  async function finish(): Promise<void> {
    if (reached === null) return
    for (const { key, value } of positions?.messages(reached) ?? []) addPosition(Buffer.from(key), value)
    await send()
    await sending
    await producer?.commit()
    reached = null
  }

  function addPosition(key: Buffer, value: string): void {
    const message = { key, keyBytes: key.length, partition: 0, value, valueBytes: Buffer.byteLength(value), headers: [] }
    outgoing.add(settings.positionsTopic, message, { bytes: sizeOf(message), placed: null })
  }

  /** Sends what was gathered, once what went before has arrived; while it is on its way the next messages are encoded. */
  async function send(): Promise<void> {
    if (outgoing.isEmpty || producer === null) return
    const taken = outgoing.take()
    await sending
    await producer.begin()
    sending = producer.send(taken.records).then(
      () => outgoing.recycle(taken),
      (error: unknown) => {
        throw error instanceof MillraceError && error.code === 'KAFKA_MESSAGE_TOO_LARGE' ? tooLarge(taken.largest) : error
      },
    )
    sending.catch(() => {}) // told by whoever waits for it next
  }

  function tooLarge({ bytes, placed, topic }: Largest): MillraceError {
    const table = placed?.table ? tableName(placed.table) : 'no table'
    const position = placed ? messageId(placed) : 'its position'
    return new MillraceError('KAFKA_MESSAGE_TOO_LARGE', { sink, bytes, topic, table, position })
  }

  async function dispose(): Promise<void> {
    await producer?.close()
    await kafka.close()
  }
}
