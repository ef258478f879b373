import { createDeferred, type Deferred } from '../../lib/deferred.ts'
import type { Deliver } from './deliver.ts'
import type { Outgoing } from './outgoing.ts'

export type QueueOptions = {
  /** How many queues: requests under way at once. */
  count: number
  maxRecords: number
  maxBytes: number
  deliver: Deliver
  onFailed(error: unknown): void
}

type Queue = { waiting: Outgoing[]; running: Promise<void> | null }

/**
 * Messages on their way. A queue has one request under way, and the next is cut from what came meanwhile.
 *
 * Invariants:
 * 1. A route always leads to the same queue, and a queue sends one request after the other: messages of one route never
 *    overtake each other, and no two requests under way hold the same route.
 * 2. `idle` resolves only when every message that was added has been delivered. After a failure it never does.
 * 3. After a failure no further request is begun.
 */
export function createQueues({ count, maxRecords, maxBytes, deliver, onFailed }: QueueOptions) {
  const queues: Queue[] = Array.from({ length: count }, () => ({ waiting: [], running: null }))
  const ending = new AbortController()
  let records = 0
  let bytes = 0
  let failure: { error: unknown } | null = null
  let waiter: (Deferred<void> & { isMet(): boolean }) | null = null

  /** Enough that no queue runs dry, and little enough that what a checkpoint waits for is soon sent. */
  const isFull = () => records >= 2 * count * maxRecords || bytes >= 2 * count * maxBytes
  const isIdle = () => records === 0

  function add(message: Outgoing, route: string): void {
    const queue = queues[queueOf(route, count)]! // below the count
    queue.waiting.push(message)
    records++
    bytes += message.bytes
    // Begun once the caller has added what it has: the first request is not one message.
    queue.running ??= Promise.resolve()
      .then(() => run(queue))
      .catch(fail)
  }

  async function run(queue: Queue): Promise<void> {
    while (queue.waiting.length > 0 && failure === null) {
      const request = takeRequest(queue.waiting, { maxRecords, maxBytes })
      await deliver(request, ending.signal)
      records -= request.length
      for (const message of request) bytes -= message.bytes
      if (waiter?.isMet()) waiter.resolve()
    }
    queue.running = null
  }

  function fail(error: unknown): void {
    if (failure !== null) return
    failure = { error }
    waiter?.reject(error)
    if (!ending.signal.aborted) onFailed(error)
  }

  /** For the one caller, which waits for one thing at a time. */
  async function until(isMet: () => boolean): Promise<void> {
    if (failure !== null) throw failure.error
    if (isMet()) return
    waiter = { ...createDeferred<void>(), isMet }
    await waiter.promise.finally(() => (waiter = null))
  }

  return {
    add,
    isIdle,
    isFull,
    idle: () => until(isIdle),
    room: () => until(() => !isFull()),
    throwFailure(): void {
      if (failure !== null) throw failure.error
    },
    /** Ends requests under way: what is not answered is not delivered. */
    async close(): Promise<void> {
      ending.abort(new DOMException('The sink is closed', 'AbortError'))
      await Promise.all(queues.map(({ running }) => running))
    },
  }
}

/** The longest beginning that fits, and at least one message. */
function takeRequest(waiting: Outgoing[], { maxRecords, maxBytes }: Pick<QueueOptions, 'maxRecords' | 'maxBytes'>): Outgoing[] {
  let bytes = 2 // the array's brackets
  let taken = 0
  for (const message of waiting) {
    bytes += message.bytes + 1
    if (taken > 0 && (taken === maxRecords || bytes > maxBytes + 1)) break
    taken++
  }
  return waiting.splice(0, taken)
}

/** Spread evenly, and the same for ever within one sink: FNV-1a. */
function queueOf(route: string, count: number): number {
  if (count === 1) return 0
  let hash = 0x811c9dc5
  for (let at = 0; at < route.length; at++) hash = Math.imul(hash ^ route.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % count
}
