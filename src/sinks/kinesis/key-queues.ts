import type { KinesisRecord } from './records.ts'

/** Of one PutRecords request (API reference): records, and bytes of data and partition keys. */
const MAX_RECORDS = 500
/**
 * Kinesis took 5 MiB before it took 10, and services that speak like it still do. A shard takes 1 MB a second: larger requests bring nothing.
 * A record larger than this goes alone.
 */
const MAX_BYTES = 5 * 1024 * 1024

/** The records of one partition key that are not stored, in order. */
export type KeyQueue = { readonly key: string; readonly records: KinesisRecord[] }

export type KeyQueues = {
  readonly pendingBytes: number
  add(record: KinesisRecord): void
  /** The next request; empty where every key that has records is under way or held. */
  take(): readonly KinesisRecord[]
  /**
   * The answer to a request, by its index. Returns how many records are done with, and the keys whose first record was refused: they are
   * held, in no request until they are released.
   */
  settle(request: readonly KinesisRecord[], isRefused: (index: number) => boolean): { held: readonly KeyQueue[]; stored: number }
  /** They are the first in the next request. */
  release(held: readonly KeyQueue[]): void
}

/**
 * Records that wait, in order by partition key.
 *
 * PutRecords promises no order inside a request: where one record fails, those after it are tried all the same. Hence the invariant:
 * **of one partition key only the first `perKey` unstored records are in requests, all of them in one, and none is taken before that
 * request was answered.**
 *
 * - `perKey` 1: a record is sent when the one before it of its key is stored. No failure of whatever part of a request can put a later one
 *   first: it was not sent yet. A record whose answer was lost may be stored twice, one after the other. (A request that is given up
 *   after half a minute and carried out later still puts a copy behind later records: what stands first of each record is in order all the same.)
 * - more: behind the first refused record of a key nothing counts as stored. It and all after it are sent again, in order: a later one may
 *   be seen early, but it comes again after every earlier one, so what is seen last is what is last.
 *
 * A shard that is split or merged changes nothing: its children take records only when it is closed, and readers finish a parent first.
 */
export function createKeyQueues(perKey: number): KeyQueues {
  const byKey = new Map<string, KeyQueue>()
  /** Keys with records of which none is under way, the one that waits longest first. */
  const ready = new Set<KeyQueue>()
  const again = new Set<KeyQueue>()
  let pendingBytes = 0

  function add(record: KinesisRecord): void {
    pendingBytes += record.bytes
    const queue = byKey.get(record.partitionKey)
    if (queue) return void queue.records.push(record)
    const first = { key: record.partitionKey, records: [record] }
    byKey.set(first.key, first)
    ready.add(first)
  }

  function take(): KinesisRecord[] {
    const request: KinesisRecord[] = []
    let bytes = 0
    for (const line of [again, ready]) {
      for (const queue of line) {
        for (const record of queue.records.slice(0, perKey)) {
          const isFull = request.length === MAX_RECORDS || bytes + record.bytes > MAX_BYTES
          if (isFull && request.length > 0) return request
          request.push(record)
          bytes += record.bytes
          line.delete(queue)
        }
      }
    }
    return request
  }

  function settle(request: readonly KinesisRecord[], isRefused: (index: number) => boolean) {
    const held = new Set<KeyQueue>()
    const storedOf = new Map<KeyQueue, number>()
    for (const [index, record] of request.entries()) {
      const queue = byKey.get(record.partitionKey)! // it stays until its last record is stored
      const stored = storedOf.get(queue) ?? 0
      if (isRefused(index)) held.add(queue)
      storedOf.set(queue, held.has(queue) ? stored : stored + 1)
    }
    let stored = 0
    for (const [queue, count] of storedOf) {
      for (const record of queue.records.splice(0, count)) pendingBytes -= record.bytes
      stored += count
      if (queue.records.length === 0) byKey.delete(queue.key)
      else if (!held.has(queue)) ready.add(queue)
    }
    return { held: [...held], stored }
  }

  return {
    get pendingBytes() {
      return pendingBytes
    },
    add,
    take,
    settle,
    release(held) {
      for (const queue of held) again.add(queue)
    },
  }
}
