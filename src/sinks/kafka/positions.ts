import { randomUUID } from 'node:crypto'
import type { RecordsBatch } from '@platformatic/kafka'
import { z } from 'zod'
import type { ChunkId, Checkpoint } from '../../contracts/position.ts'
import type { SinkRecord } from '../../contracts/sink.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createChunkRanges } from './chunk-ranges.ts'
import type { Kafka } from './client.ts'

/**
 * What a writer holds, in a compacted topic: under the key `[id]` its position, under `[id, generation]` the chunks done of each copy of
 * a table. They are written in the transaction of the messages that they speak of, and only those that changed, so each stays small.
 *
 * `reading` is the same in all that belongs together: after a beginning anew, what lies there of the old log no longer counts.
 */
export type Positions = {
  /** Null where this writer has written nothing. Only after the writer before was thrown out: then all that it left is decided. */
  read(): Promise<SinkRecord | null>
  beginAnew(): void
  done(chunk: ChunkId): void
  /** What a transaction that ends at this checkpoint writes besides its messages. */
  messages(checkpoint: Checkpoint): PositionMessage[]
}

/** For the first partition of the topic of positions. */
export type PositionMessage = { key: string; value: string }

const positionSchema = z.object({ position: z.string().min(1), carry: z.string(), reading: z.string() })
const chunksSchema = z.object({ chunks: z.string(), reading: z.string() })

export type PositionsOptions = { kafka: Pick<Kafka, 'readBatches' | 'brokers'>; sink: string; topic: string; id: string }

export function createPositions({ kafka, sink, topic, id }: PositionsOptions): Positions {
  let reading: string = randomUUID()
  let chunks = createChunkRanges()
  let changed = new Set<string>()

  function parse<T>(schema: z.ZodType<T>, value: Buffer): T {
    const result = schema.safeParse(jsonOf(value))
    if (result.success) return result.data
    throw new MillraceError('KAFKA_POSITIONS', { sink, topic, reason: `what lies under ${id} is no position` })
  }

  const message = (key: readonly string[], value: object): PositionMessage => ({ key: JSON.stringify(key), value: JSON.stringify(value) })

  return {
    async read() {
      const { values, undecided } = await foldBatches(kafka.readBatches(topic), id)
      if (undecided > 0)
        throw new MillraceError('KAFKA_UNREADY', {
          sink,
          brokers: kafka.brokers,
          what: 'read positions',
          reason: 'a transaction is not decided yet',
        })
      const own = values.get('')
      if (!own) return null
      const { position, carry, reading: current } = parse(positionSchema, own)
      reading = current
      for (const [generation, value] of values) {
        if (generation === '') continue
        const found = parse(chunksSchema, value)
        if (found.reading === reading) chunks.put(generation, found.chunks)
      }
      return { position, carry, chunks: chunks.ids() }
    },
    beginAnew() {
      reading = randomUUID()
      chunks = createChunkRanges()
      changed = new Set()
    },
    done(chunk) {
      const generation = chunks.add(chunk)
      if (generation !== null) changed.add(generation)
    },
    messages({ position, carry }) {
      // A dead letter given again before anything else was ever written here: it is at no place of the log.
      if (position === '') return []
      const generations = [...changed].map((generation) => message([id, generation], { chunks: chunks.text(generation), reading }))
      changed.clear()
      return [...generations, message([id], { position, carry, reading })]
    },
  }
}

/** Of a batch's attributes: what it is. */
const TRANSACTIONAL = 1 << 4
const CONTROL = 1 << 5
/** The type in a control record's key, after its version. */
const COMMIT = 1

type Written = { generation: string; value: Buffer | null }

/**
 * The newest committed value of each key of one writer, '' for its position, and how many of its transactions have no end yet.
 *
 * A record counts once the control record of its producer says commit: no filter of a client is asked. Compaction keeps that control
 * record as long as a record of its transaction is left (KIP-98).
 */
export async function foldBatches(
  batches: AsyncIterable<RecordsBatch>,
  id: string,
): Promise<{ values: Map<string, Buffer>; undecided: number }> {
  const values = new Map<string, Buffer>()
  const open = new Map<bigint, Written[]>()
  const take = (written: readonly Written[]): void => {
    for (const { generation, value } of written) {
      if (value === null) values.delete(generation)
      else values.set(generation, value)
    }
  }
  for await (const { attributes, producerId, records } of batches) {
    if (attributes & CONTROL) {
      if (records[0]?.key?.readInt16BE(2) === COMMIT) take(open.get(producerId) ?? [])
      open.delete(producerId)
      continue
    }
    const own = records.flatMap(({ key, value }) => ownRecord(key, value, id))
    if (own.length === 0) continue
    if (attributes & TRANSACTIONAL) open.set(producerId, [...(open.get(producerId) ?? []), ...own])
    // Copied from another cluster, which copies what is committed.
    else take(own)
  }
  return { values, undecided: open.size }
}

function ownRecord(key: Buffer | null, value: Buffer | null, id: string): Written[] {
  const parts = key === null ? null : jsonOf(key)
  if (!Array.isArray(parts) || parts[0] !== id) return []
  return [{ generation: typeof parts[1] === 'string' ? parts[1] : '', value }]
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return null
  }
}
