import type { PlacedMessage } from '../../messages/messages-of.ts'
import { createRecords, type Header, type Records } from './record-batch.ts'
import type { Topic } from './topics.ts'

/** The largest of some messages: whom to name where Kafka takes none as large. `placed` null: a position of our own. */
export type Largest = { bytes: number; topic: string; placed: PlacedMessage | null }

export type Sendable = { records: readonly Records[]; largest: Largest }

/** One message, with the bytes of its key in `key`, of which the first `keyBytes` count; −1: it has none. */
export type Encoded = {
  key: Buffer
  keyBytes: number
  partition: number
  value: string | null
  valueBytes: number
  headers: readonly Header[]
}

/** Messages on their way to one send. */
export type Outgoing = {
  /** Whether a message of this size still goes with them: one send of one partition is one batch, and a batch has a limit. */
  hasRoom(topic: Topic, partition: number, bytes: number): boolean
  add(topic: string, message: Encoded, about: Omit<Largest, 'topic'>): void
  readonly isEmpty: boolean
  take(): Sendable
  /** Takes the memory back of what arrived: made anew for each send it would keep the collector busy. */
  recycle(sent: Sendable): void
}

const MOST_MESSAGES = 10_000
const MOST_BYTES = 4 << 20
/** Of two sends, one on its way and one being filled. */
const MOST_FREE = 32
const LARGEST_FREE = 1 << 20
/** What a record needs besides its key, value and headers, at most. */
const RECORD_BYTES = 40
const HEADER_BYTES = 10

type Filling = { records: Records; bytes: number }

export function createOutgoing(): Outgoing {
  let count = 0
  let bytes = 0
  let largest = NONE
  let byTopic = new Map<string, Filling[]>()
  const free: Buffer[] = []

  function fillingOf(topic: string, partition: number): Filling {
    let fillings = byTopic.get(topic)
    if (!fillings) byTopic.set(topic, (fillings = []))
    return (fillings[partition] ??= { records: createRecords(topic, partition, free.pop()), bytes: 0 })
  }

  return {
    hasRoom({ name, batchBytes }, partition, added) {
      if (count === 0) return true
      if (count >= MOST_MESSAGES || bytes + added > MOST_BYTES) return false
      const used = byTopic.get(name)?.[partition]?.bytes ?? 0
      return used === 0 || used + added <= batchBytes
    },
    add(topic, { key, keyBytes, partition, value, valueBytes, headers }, { bytes: added, placed }) {
      const filling = fillingOf(topic, partition)
      filling.records.add(key, keyBytes, { value, bytes: valueBytes, headers })
      filling.bytes += added
      bytes += added
      count++
      if (added > largest.bytes) largest = { bytes: added, topic, placed }
    },
    get isEmpty() {
      return count === 0
    },
    take() {
      // Partitions without a message are holes.
      const records = [...byTopic.values()].flatMap((fillings) =>
        fillings.filter((filling) => filling !== undefined).map((filling) => filling.records),
      )
      const taken = { records, largest }
      byTopic = new Map()
      count = bytes = 0
      largest = NONE
      return taken
    },
    recycle({ records }) {
      for (const each of records) {
        const memory = each.release()
        if (free.length < MOST_FREE && memory.length <= LARGEST_FREE) free.push(memory)
      }
    },
  }
}

const NONE: Largest = { bytes: 0, topic: '', placed: null }

/** Never less than what it takes in a batch, before compression. */
export function sizeOf({ keyBytes, valueBytes, headers }: Encoded): number {
  let bytes = RECORD_BYTES + Math.max(0, keyBytes) + Math.max(0, valueBytes)
  for (const { nameBytes, textBytes } of headers) bytes += HEADER_BYTES + nameBytes + textBytes
  return bytes
}
