import type { PlacedMessage } from '../../messages/messages-of.ts'
import type { OutgoingMessage } from './producer.ts'
import type { Topic } from './topics.ts'

/** The largest of some messages: whom to name where Kafka takes none as large. `placed` null: a position of our own. */
export type Largest = { bytes: number; topic: string; placed: PlacedMessage | null }

export type Sendable = { messages: OutgoingMessage[]; largest: Largest }

/** Messages on their way to one send. */
export type Outgoing = {
  /** Whether a message of this size still goes with them: one send of one partition is one batch, and a batch has a limit. */
  hasRoom(topic: Topic, partition: number, bytes: number): boolean
  add(message: OutgoingMessage, about: Omit<Largest, 'topic'>): void
  readonly isEmpty: boolean
  take(): Sendable
}

const MOST_MESSAGES = 5000
const MOST_BYTES = 4 << 20
/** What a record needs besides its key, value and headers, at most. */
const RECORD_BYTES = 40
const HEADER_BYTES = 10

export function createOutgoing(): Outgoing {
  let messages: OutgoingMessage[] = []
  let bytes = 0
  let largest = NONE
  const perTopic = new Map<string, number[]>()

  return {
    hasRoom({ name, batchBytes }, partition, added) {
      if (messages.length === 0) return true
      if (messages.length >= MOST_MESSAGES || bytes + added > MOST_BYTES) return false
      const used = perTopic.get(name)?.[partition] ?? 0
      return used === 0 || used + added <= batchBytes
    },
    add(message, { bytes: added, placed }) {
      const { topic, partition } = message
      let used = perTopic.get(topic)
      if (!used) perTopic.set(topic, (used = []))
      used[partition] = (used[partition] ?? 0) + added
      bytes += added
      messages.push(message)
      if (added > largest.bytes) largest = { bytes: added, topic, placed }
    },
    get isEmpty() {
      return messages.length === 0
    },
    take() {
      const taken = { messages, largest }
      messages = []
      bytes = 0
      largest = NONE
      perTopic.clear()
      return taken
    },
  }
}

const NONE: Largest = { bytes: 0, topic: '', placed: null }

/** Never less than what it takes in a batch, before compression. */
export function sizeOf({ key, value, headers }: OutgoingMessage): number {
  let bytes = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
  if (headers instanceof Map) for (const [name, text] of headers) bytes += HEADER_BYTES + name.length + text.length
  return bytes
}
