import type { Batch, ChangesBatch, ControlBatch } from '../contracts/batch.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import type { Sink, SinkRecord } from '../contracts/sink.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { Clock } from './clock.ts'
import { createLaneFilter, type LaneFilter } from './lane-filter.ts'
import { createLaterSteps } from './lane-later.ts'

/** An idle sink is told at most this often that the log moved on without changes for it. */
const IDLE_WRITE_MS = 10_000
/** A costly flush (an fsync, a commit) comes at most this often while batches keep coming; the first after a pause comes at once. */
const FLUSH_GAP_MS = 200
/** What a batch without a size of its own counts. */
const SMALL_BYTES = 256

/** What was given to the sink since its last flush: the checkpoint-to-be. */
type Written = { position: Position; carry: string; held: Position | null; chunks: ChunkId[] }

export type LaneOptions = {
  name: string
  sink: Sink
  /** What the sink holds durably as it is resumed. */
  record: SinkRecord | null
  /** Where the stream is read from: before it, nothing is for a sink that holds nothing. */
  from: Position
  /** `Lane.held` as it was written down; null at first. */
  held: Position | null
  /** Whether nobody else need know its checkpoint, because the sink keeps it itself; else who has the lane saves it, see `takeUnsaved`. */
  keepsRecord: boolean
  /** What it writes counts what a transaction holds (see Format): none is cut in two by a checkpoint. */
  wholeTransactions?: boolean
  /** A sink that asks for more at once gets room for that. */
  boundBytes: number
  maxWaitMs: number
  clock: Clock
  /** Aborts writes under way: the end of patience, not of the stream. */
  signal: AbortSignal
  onMoved(): void
  onFailed(error: unknown): void
}

/**
 * One sink's way from the pipeline: writes its batches one at a time in order, in the background, and groups their
 * commits: it flushes when nothing waits, but not more often than some times a second, or every `maxWait` under load.
 * A lone change is flushed at once; a flood pays one fsync for many batches.
 *
 * A sink that is durable later is left alone: it reports what is durable, and is flushed only where somebody waits for a
 * position that it was given, or at the end.
 *
 * Invariants:
 * 1. `durable` moves only after `flush`, or by the sink's own report.
 * 2. No flush while a chunk is delivered in part (`last: false`): its checkpoint would claim rows that a restart drops.
 *    A chunk whose copy was begun anew, or whose table is gone, is no longer waited for: its last part never comes.
 *    Nor inside a transaction, where the format wants each whole: after a restart it comes again from its beginning.
 * 3. After a failure nothing more is written: what is not durable is read again from the log.
 */
export class Lane {
  readonly name: string
  /** What the sink itself holds durably: what may be acknowledged, once it is written down. */
  durable: Position | null
  /** The end of the last durable batch that held anything: what the sink must still hold after a restart. */
  held: Position | null
  /** Up to here nothing is missing in the sink, be it that nothing was there to write: what `caught-up` waits for. */
  passed: Position

  /** What ended it before its time; null while all is well. */
  failure: { error: unknown } | null = null

  readonly #options: LaneOptions
  readonly #filter: LaneFilter
  readonly #queue: Batch[] = []
  #usedBytes = 0
  #flushedAt = Number.NEGATIVE_INFINITY
  #writtenAt = Number.NEGATIVE_INFINITY
  /** Resolves when the gap after the last flush or write is over; null where nobody waits for it. */
  #gap: Promise<void> | null = null
  #written: Written | null = null
  #writtenSince = 0
  #needsFlush = false
  #unsaved: SinkRecord | null = null
  readonly #later = createLaterSteps()
  #isPaused = false
  /** When it last had no room left; null while it has. */
  #fullAt: number | null = null
  #fullMs = 0
  /** When the call that the sink is at began. */
  #callAt: number | null = null
  /** The newest empty batch, not given to the sink (yet). */
  #idle: Batch | null = null
  #idleWrittenAt = Number.NEGATIVE_INFINITY
  /** Chunks delivered in part, with the numbers of their tables. */
  readonly #partial = new Map<ChunkId, number>()
  #isInTransaction = false
  #isWriting = false
  /** Positions that somebody waits for; looked at only where the sink is durable later. */
  #wanted: Position[] = []
  #isDraining = false
  #isOver = false
  #wakeLane: (() => void) | null = null
  #roomWaiters: (() => void)[] = []
  readonly #done: Promise<void>

  constructor(options: LaneOptions) {
    this.#options = options
    this.#filter = createLaneFilter(options.name, options.record)
    this.name = options.name
    this.durable = options.record?.position ?? null
    this.passed = this.durable ?? options.from
    this.held = options.held
    this.#done = this.#run()
  }

  get queuedBytes(): number {
    return this.#usedBytes
  }

  get hasUnsaved(): boolean {
    return this.#unsaved !== null
  }

  /**
   * The checkpoint, since the last one, of a sink that keeps none. Not saved at each flush: an fsync for each lone change
   * would cost more than what is written again after a crash, at most a settlement's pause of it.
   */
  takeUnsaved(): SinkRecord | null {
    const unsaved = this.#unsaved
    this.#unsaved = null
    return unsaved
  }

  /** How long in all it had no room: what others waited for it. */
  get fullMs(): number {
    return this.#fullMs + (this.#fullAt === null ? 0 : this.#options.clock.now() - this.#fullAt)
  }

  /** Since when it has had no room without a break, in milliseconds; 0 where it has. */
  get stuckMs(): number {
    return this.#fullAt === null ? 0 : this.#options.clock.now() - this.#fullAt
  }

  /** How long the call that its sink is at has taken, in milliseconds; 0 where it is at none. */
  get callMs(): number {
    return this.#callAt === null ? 0 : this.#options.clock.now() - this.#callAt
  }

  /** Whether all that it took is durable. */
  get isLevel(): boolean {
    return this.#usedBytes === 0 && this.#written === null && this.#options.sink.hasPending !== true
  }

  /** From here on it takes nothing and stands where it is: what it lacks stays in the log. */
  pause(): void {
    this.#isPaused = true
    this.#queue.length = 0
    this.#giveRoom()
  }

  /** Takes a batch. Wait for `room` before, else memory has no bound. */
  push(batch: Batch): void {
    if (this.#isOver || this.#isDraining || this.#isPaused) return
    for (const part of this.#filter(batch)) this.#take(part)
  }

  /** Null where there is room, else resolves once there is, or once the lane is over. */
  room(): Promise<void> | null {
    if (this.#usedBytes < this.#boundBytes || this.#isOver || this.#isPaused) return null
    this.#fullAt ??= this.#options.clock.now()
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  get #boundBytes(): number {
    return Math.max(this.#options.boundBytes, this.#options.sink.batchBytes ?? 0)
  }

  /** Writes and flushes what was taken, then ends. Never throws: a failure goes to `onFailed`. */
  drain(): Promise<void> {
    this.#isDraining = true
    this.#wake()
    return this.#done
  }

  /** Somebody waits until this position is durable: once everything up to it was given, the sink is flushed. */
  want(position: Position): void {
    if (!this.#isLater || position <= this.passed) return
    this.#wanted.push(position)
    this.#wake()
  }

  /** The report of a sink that is durable later. */
  moveDurable(position: Position): void {
    if (this.durable === null || position > this.durable) this.durable = this.held = position
    if (!this.#options.keepsRecord) this.#note(this.#later.upTo(position))
    // What is being written may not have reached it.
    if (!this.#isWriting) this.#settleIfNonePending(position)
    this.#options.onMoved()
  }

  /** Ends the lane for what failed in the sink between two calls. */
  fail(error: unknown): void {
    if (this.#isOver || this.failure !== null) return
    this.failure = { error }
    this.#options.onFailed(error)
    this.#wake()
  }

  #take(batch: Batch): void {
    if (isAwaited(batch)) this.want(batch.end)
    this.#usedBytes += sizeOf(batch)
    this.#queue.push(batch)
    this.#wake()
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        if (this.failure !== null) return
        const restMs = this.#gatherMs()
        if (restMs > 0) {
          await this.#rest(restMs)
          continue
        }
        const batch = this.#next()
        if (batch !== undefined) await this.#handle(batch)
        else if (this.#canFlush()) await this.#flushOrRest()
        else if (this.#idle !== null && this.#isIdleDue(this.#idle)) await this.#writeIdle(this.#idle)
        else if (!this.#isDraining) await this.#woken()
        else return
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#isOver = true
      this.#giveRoom()
    }
  }

  /**
   * How long to wait for more before the next write: a sink that asks for much at once pays about the same for few changes as for
   * many, so while changes keep coming it is written to some times a second only. The first after a pause goes at once, and a copy waits for nothing.
   */
  #gatherMs(): number {
    const { batchBytes, gatherMs = FLUSH_GAP_MS } = this.#options.sink
    if (batchBytes === undefined || this.#isDraining || this.#queue.length === 0 || this.#usedBytes >= batchBytes) return 0
    if (this.#queue.some((batch) => batch.kind !== 'changes')) return 0
    return this.#writtenAt + gatherMs - this.#options.clock.now()
  }

  /** Until something happens, or the time is over. */
  async #rest(restMs: number): Promise<void> {
    this.#gap ??= this.#options.clock.sleep(restMs, this.#options.signal).finally(() => (this.#gap = null))
    await Promise.race([this.#woken(), this.#gap])
  }

  /** The next batch; for a sink that asks for more at once, with the changes that follow on it. */
  #next(): Batch | undefined {
    const first = this.#queue.shift()
    const wantedBytes = this.#options.sink.batchBytes ?? 0
    if (first?.kind !== 'changes' || first.bytes >= wantedBytes) return first
    const parts: ChangesBatch[] = [first]
    let bytes = first.bytes
    for (let next = this.#queue[0]; next?.kind === 'changes' && next.log === first.log && bytes < wantedBytes; next = this.#queue[0]) {
      parts.push(next)
      bytes += next.bytes
      this.#queue.shift()
    }
    return joined(parts, bytes)
  }

  async #handle(batch: Batch): Promise<void> {
    // An empty batch may be all that ends a transaction.
    const isPassed = isEmpty(batch) && !this.#isInTransaction
    // Before it is told that it was passed: nothing of it waits any more.
    if (isPassed) this.#usedBytes -= sizeOf(batch)
    if (isPassed) await this.#passEmpty(batch)
    else await this.#write(batch)
    if (!isPassed) this.#usedBytes -= sizeOf(batch)
    if (this.#roomWaiters.length > 0 && this.#usedBytes < this.#boundBytes) this.#giveRoom()
    const waitedMs = this.#options.clock.now() - this.#writtenSince
    if ((this.#isLater || waitedMs >= this.#options.maxWaitMs) && this.#canFlush()) await this.#flush()
  }

  /** An empty batch costs the sink a commit and says little: it is written now and then, where the source waits for it, and at the end. */
  async #passEmpty(batch: Batch): Promise<void> {
    this.#idle = batch
    if (this.#written !== null || this.#isCut) return
    if (this.#options.clock.now() - this.#idleWrittenAt >= IDLE_WRITE_MS) return this.#writeIdle(batch)
    this.#pass(batch.end)
    this.#options.onMoved()
  }

  /** Whether a batch that was not given is given after all, once what was given before it is durable. */
  #isIdleDue(batch: Batch): boolean {
    return this.#written === null && !this.#isCut && (this.#isDraining || isAwaited(batch))
  }

  async #writeIdle(batch: Batch): Promise<void> {
    this.#idleWrittenAt = this.#options.clock.now()
    await this.#write(batch)
  }

  async #write(batch: Batch): Promise<void> {
    this.#idle = null
    if (this.#written === null) this.#writtenSince = this.#options.clock.now()
    this.#isWriting = true
    faultPoint('write')
    const answer = await this.#call(() => this.#options.sink.write(batch, this.#options.signal))
    this.#isWriting = false
    faultPoint('written')
    this.#writtenAt = this.#options.clock.now()
    // `durable` speaks for all that was accepted before.
    this.#needsFlush = answer === 'accepted'
    const { chunks, held }: Pick<Written, 'chunks' | 'held'> = this.#written ?? { chunks: [], held: null }
    if (batch.kind === 'changes') this.#isInTransaction = this.#options.wholeTransactions === true && !batch.betweenTransactions
    if (batch.kind === 'control' && endsCopies(batch)) this.#forgetParts(batch.table)
    if (batch.kind === 'rows' && !batch.last) this.#partial.set(batch.chunk, batch.table.id)
    else if ('chunk' in batch) {
      this.#partial.delete(batch.chunk)
      if (!this.#options.keepsRecord) chunks.push(batch.chunk)
    }
    if (this.#isLater && !this.#options.keepsRecord) this.#later.given(batch)
    this.#written = { position: batch.end, carry: batch.carry, chunks, held: isEmpty(batch) ? held : batch.end }
    // It may have said so before the call returned.
    if (this.durable !== null && this.durable >= batch.end) this.#settleIfNonePending(this.durable)
  }

  async #call<T>(act: () => Promise<T>): Promise<T> {
    this.#callAt = this.#options.clock.now()
    const result = await act()
    this.#callAt = null
    return result
  }

  #forgetParts(table: { id: number }): void {
    for (const [chunk, tableId] of this.#partial) if (tableId === table.id) this.#partial.delete(chunk)
  }

  get #isLater(): boolean {
    return this.#options.sink.hasPending !== undefined
  }

  /** Whether what was given ends where no checkpoint may lie. */
  get #isCut(): boolean {
    return this.#isInTransaction || this.#partial.size > 0
  }

  #canFlush(): boolean {
    return this.#written !== null && !this.#isCut && (!this.#isLater || this.#isDraining || this.#isWanted())
  }

  /** Whether somebody waits for what was given already. */
  #isWanted(): boolean {
    const given = this.#idle?.end ?? this.#written?.position ?? ''
    return this.#wanted.some((position) => position <= given)
  }

  /** Flushes, or waits for more until the gap after the last costly flush is over. */
  async #flushOrRest(): Promise<void> {
    const restMs = this.#flushedAt + FLUSH_GAP_MS - this.#options.clock.now()
    if (!this.#needsFlush || this.#isDraining || restMs <= 0) return this.#flush()
    await this.#rest(restMs)
  }

  async #flush(): Promise<void> {
    const written = this.#written
    if (written === null) return
    if (this.#needsFlush) {
      await this.#call(() => this.#options.sink.flush(this.#options.signal))
      this.#flushedAt = this.#options.clock.now()
    }
    faultPoint('flushed')
    const { position, carry, chunks } = written
    if (!this.#options.keepsRecord) this.#note({ position, carry, chunks: [...this.#later.all(), ...chunks] })
    if (written.held !== null) this.held = written.held
    this.durable = position
    this.#settleWritten(position)
    this.#options.onMoved()
  }

  #note(step: SinkRecord | null): void {
    if (step !== null) this.#unsaved = { ...step, chunks: [...(this.#unsaved?.chunks ?? []), ...step.chunks] }
  }

  #settleIfNonePending(position: Position): void {
    if (this.#options.sink.hasPending === false) this.#settleWritten(position)
  }

  /** Everything given until now is durable; an empty batch that was not given stands for nothing. */
  #settleWritten(position: Position): void {
    this.#written = null
    this.#needsFlush = false
    this.#pass(this.#idle?.end ?? position)
  }

  #pass(position: Position): void {
    if (position <= this.passed) return
    this.passed = position
    if (this.#wanted.length > 0) this.#wanted = this.#wanted.filter((wanted) => wanted > position)
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => (this.#wakeLane = resolve))
  }

  #wake(): void {
    this.#wakeLane?.()
    this.#wakeLane = null
  }

  #giveRoom(): void {
    this.#fullMs = this.fullMs
    this.#fullAt = null
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** Batches that follow on each other, as one that ends where the last ends. */
function joined(parts: readonly ChangesBatch[], bytes: number): ChangesBatch {
  const last = parts.at(-1)! // there is always a first
  if (parts.length === 1) return last
  // The wire bytes of the parts are not those of the whole.
  const { raw: _, ...rest } = last
  return { ...rest, changes: parts.flatMap((part) => part.changes), bytes: bytes + (parts.length - 1) * SMALL_BYTES }
}

function endsCopies({ event }: ControlBatch): boolean {
  return event === 'snapshot-begin' || event === 'table-dropped'
}

function isAwaited(batch: Batch): boolean {
  return batch.kind === 'changes' && batch.awaited === true
}

function isEmpty(batch: Batch): boolean {
  return batch.kind === 'changes' && batch.changes.length === 0
}

function sizeOf(batch: Batch): number {
  return batch.kind === 'control' ? SMALL_BYTES : batch.bytes + SMALL_BYTES
}
