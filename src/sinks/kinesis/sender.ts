import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, toMillraceError } from '../../errors/millrace-error.ts'
import { createDeferred } from '../../lib/deferred.ts'
import { createKeyQueues } from './key-queues.ts'
import type { KinesisRecord } from './records.ts'

/** So many bytes wait to be stored before no more are taken. */
const BOUND_BYTES = 8 * 1024 * 1024
/** A request of which nothing is stored is sent so many times before the pipeline is told. */
const PATIENCE = 8
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** The records that a request left unstored, by index, and why; none: all are stored. */
export type Refusals = ReadonlyMap<number, MillraceError>

/** `count` records are sent again after `waitMs`, because of `reason`; `attempt`: how many times in a row nothing of the request was stored, or 1. */
export type Repeat = { count: number; attempt: number; waitMs: number; reason: MillraceError }

export type SenderOptions = {
  /** One PutRecords. Throws where the whole request failed: of kind `transient` it is sent again, whatever the service did of it. */
  put(records: readonly KinesisRecord[], signal: AbortSignal): Promise<Refusals>
  /** Records of one partition key in a request: see KeyQueues. */
  perKey: number
  /** Requests under way at once. */
  requests: number
  /** Told of what ends it, once. */
  failed(error: MillraceError): void
  /** Told of each request that is sent again, in whole or in part. */
  repeated(repeat: Repeat): void
  pauseMs?: (failures: number) => number
}

export type Sender = AsyncDisposable & {
  readonly isFull: boolean
  /** Everything that was added is stored. */
  readonly isIdle: boolean
  add(record: KinesisRecord): void
  /** Sends what was added. */
  start(): void
  /** Resolves when it is full no more. Throws what ended it. */
  room(): Promise<void>
  /** Resolves when everything that was added is stored. Throws what ended it. */
  drained(): Promise<void>
  /** Ends the requests under way, whatever became of them. */
  abort(): void
}

/**
 * Sends records until they are stored: refused ones again, alone, after a pause. Only what the service said it stored counts as stored.
 *
 * A request's place is kept while it pauses: a stream that refuses gets fewer requests, and other shards are not stopped by one.
 * After `failed` nothing is sent, and what is under way is waited for (`asyncDispose`): the next session begins with earlier records, and
 * a request of this one must not come between them.
 */
export function createSender(options: SenderOptions): Sender {
  const { put, requests, pauseMs = pauseOf } = options
  const queues = createKeyQueues(options.perKey)
  const aborting = new AbortController()
  const closing = new AbortController()
  let failure: MillraceError | null = null
  let underWay = 0
  let change = createDeferred<void>()

  function start(): void {
    while (underWay < requests && isOpen()) {
      const request = queues.take()
      if (request.length === 0) return
      underWay++
      void send(request)
        .catch(end)
        .finally(() => {
          underWay--
          announce()
        })
    }
  }

  /** One place: a request, and then the next one. */
  async function send(first: readonly KinesisRecord[]): Promise<void> {
    let failures = 0
    for (let request = first; request.length > 0 && isOpen(); request = queues.take()) {
      const refusals = await answerTo(request)
      const { held, stored } = queues.settle(request, (index) => refusals.has(index))
      announce()
      start()
      const [reason] = refusals.values()
      if (reason === undefined) {
        failures = 0
        continue
      }
      failures = stored > 0 ? 1 : failures + 1
      if (failures >= PATIENCE) throw reason
      const waitMs = pauseMs(failures)
      options.repeated({ count: refusals.size, attempt: failures, waitMs, reason })
      await sleep(waitMs, null, { signal: closing.signal }).catch(() => {})
      queues.release(held)
    }
  }

  /** Of a request that failed as a whole nobody knows what was stored: all of it is sent again. */
  async function answerTo(request: readonly KinesisRecord[]): Promise<Refusals> {
    try {
      return await put(request, aborting.signal)
    } catch (error) {
      const known = toMillraceError(error)
      if (known.kind !== 'transient') throw known
      return new Map(request.map((_, index) => [index, known]))
    }
  }

  function isOpen(): boolean {
    return failure === null && !closing.signal.aborted && !aborting.signal.aborted
  }

  function end(error: unknown): void {
    if (!isOpen()) return
    failure = toMillraceError(error)
    options.failed(failure)
  }

  function announce(): void {
    change.resolve()
    change = createDeferred()
  }

  async function waitUntil(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (failure) throw failure
      // Never resolved where it is not true.
      if (!isOpen()) throw new MillraceError('BUG', { reason: 'a sender of records was closed under somebody who waited for it' })
      await change.promise
    }
    if (failure) throw failure
  }

  return {
    get isFull() {
      return queues.pendingBytes >= BOUND_BYTES
    },
    get isIdle() {
      return queues.pendingBytes === 0
    },
    add: queues.add,
    start,
    room: () => waitUntil(() => queues.pendingBytes < BOUND_BYTES),
    drained: () => waitUntil(() => queues.pendingBytes === 0),
    abort: () => aborting.abort(),
    async [Symbol.asyncDispose]() {
      closing.abort()
      while (underWay > 0) await change.promise
      announce()
    },
  }
}

/** Exponential with full jitter, `failures` from 1. */
function pauseOf(failures: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures)
}
