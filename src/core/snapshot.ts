/**
 * The driver of snapshots: decides which tables are copied for which sinks, keeps one copy a table under way, and lets the stream through
 * the merge. The merge (merge.ts) decides which rows may go; snapshot-table.ts what is read when.
 *
 * The seam to the pipeline. One `Snapshots` lives for one connection of the stream, with the sinks opened for it:
 *
 *     const snapshots = await openSnapshots({ source, state, sinks, running, … })   // before the stream is read
 *     await snapshots.leaveAllBut(await source.tables())                            // those that left since the last run
 *     await snapshots.add(await source.tables())                                    // and later with those that joined
 *     for await (const batch of snapshots.merge(source.read(from, signal), from, signal)) give each sink of `batch.audience` the batch
 *
 * - `merge` yields everything that sinks get, in order, with `end`, `carry` and `audience` filled. It pulls the stream only when pulled.
 *   It ends when the stream ends, and throws what the stream throws or what a copy throws (transient errors of reading are retried inside).
 * - The stream broke, or a sink was opened again: dispose, and open anew with the sinks' records.
 * - `sinks`: each with its durable record (chunk ids and carry), null where it holds nothing. A sink that holds nothing of a table gets it,
 *   alone (`audience`) where others hold it already.
 * - `running`: what `source.begin()` returned; null where the slot was not made just now. Given, the carries of records are void: they name
 *   transactions of a log that this slot does not go on from, and `running` holds all that matter.
 * - A sink that gets `snapshot-begin` twice with one generation (a resume) goes on with what it has of it.
 * - `idle()` resolves when nothing is left to copy: every snapshot-end was handed out. It rejects where a copy failed for good.
 */
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Position, TransactionId } from '../contracts/position.ts'
import type { SinkRecord } from '../contracts/sink.ts'
import type { Source, SourceControl } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Row, Table } from '../contracts/table.ts'
import { addXid, joinCarries, parseCarry, type Carry, type XidRange } from './carry.ts'
import { systemClock, type Clock } from './clock.ts'
import { createCopied, type Copied } from './copied.ts'
import { createMerge } from './merge.ts'
import { MERGE_RULES, type MergeRules } from './merge-rules.ts'
import { hasSameKey } from './merge-schema.ts'
import { createReadPool } from './read-pool.ts'
import type { SnapshotContext, SnapshotProgress } from './snapshot-context.ts'
import { createCopies } from './snapshot-copies.ts'
import { createPlans } from './snapshot-plan.ts'
import { createStreamWaits } from './snapshot-waits.ts'

export type SnapshotsOptions = {
  source: Pick<Source, 'snapshots' | 'nudge' | 'head'>
  state: Pick<StateStore, 'get' | 'set' | 'delete' | 'keys'>
  sinks: readonly { name: string; record: SinkRecord | null }[]
  running: readonly TransactionId[] | null
  /** `none`: the stream only; nothing is copied. */
  mode: 'incremental' | 'none'
  chunkBytes: number
  parallel: number
  onProgress?: (progress: SnapshotProgress) => void
  clock?: Clock
  /** Counts what is copied, over several lives of this. */
  copied?: Copied
  /** See MergeOptions. */
  mayEnter?: ((table: Table) => boolean) | undefined
  /** For the model test, which takes them away one by one. */
  rules?: MergeRules
}

export interface Snapshots extends AsyncDisposable {
  /** Copies those of these tables that some sink does not hold; known ones are left alone. */
  add(tables: readonly Table[]): Promise<void>
  /** Forgets tables that left the pipeline: should they come back, they are copied anew, for what happened to them meanwhile is in no log. */
  remove(tables: readonly Table[]): Promise<void>
  /** The same for all that an earlier run copied and that are not among these; before the stream is read without them. */
  leaveAllBut(tables: readonly Table[]): Promise<void>
  /** Reads a table again as a new generation, for these sinks (null: all). Resolves when that is written down. */
  reread(table: Table, audience: readonly string[] | null): Promise<void>
  /** Reads single rows again (rows with the key columns filled), for all sinks. `idle` resolves once they were handed out. */
  rereadKeys(table: Table, rows: readonly Row[]): void
  merge(stream: AsyncIterable<ChangesBatch | SourceControl>, from: Position, signal: AbortSignal): AsyncIterable<Batch>
  idle(): Promise<void>
  /** Whether a copy is under way. */
  isCopying(): boolean
}

export async function openSnapshots(options: SnapshotsOptions): Promise<Snapshots> {
  const { source, state, sinks, running, chunkBytes, parallel, clock = systemClock, rules = MERGE_RULES, mayEnter } = options
  const carry = running === null ? joinCarries(sinks.map(({ record }) => parseCarry(record?.carry ?? ''))) : carryOf(running)
  const bell = createBell()
  const merge = createMerge({ carry, rules, onStray: (table) => copies.complete(table), ...(mayEnter ? { mayEnter } : {}) })
  const context: SnapshotContext = {
    source,
    merge,
    rules,
    // Chunks being read and chunks waiting for the stream, together.
    pool: createReadPool({ parallel, maxBytes: parallel * chunkBytes }),
    plans: createPlans(state),
    waits: createStreamWaits({ source, merge, clock }),
    chunkBytes,
    parallel,
    clock,
    copied: options.copied ?? createCopied(clock),
    sinks: sinks.map(({ name, record }) => ({ name, chunks: new Set(record?.chunks) })),
    progress: options.onProgress ?? (() => {}),
    wake: bell.ring,
  }
  const copies = createCopies(context, { isSlotNew: running !== null })
  const closing = new AbortController()
  const watching = context.waits.watch(closing.signal)

  async function* through(stream: AsyncIterable<ChangesBatch | SourceControl>, from: Position): AsyncGenerator<Batch> {
    merge.start(from)
    const iterator = stream[Symbol.asyncIterator]()
    let next = pull(iterator)
    try {
      for (;;) {
        for (const batch of merge.due()) yield* told(batch)
        const arrived = await bell.orArrival(next)
        if (copies.failure()) throw copies.failure()
        if (!arrived) continue
        if (arrived.done) return
        await beforeAccepting(arrived.value)
        for (const batch of merge.accept(arrived.value)) yield* told(batch)
        next = pull(iterator)
      }
    } finally {
      // Not awaited: a source's pending read ends by its own signal.
      void iterator.return?.().catch(() => undefined)
    }
  }
  /** What makes a new generation necessary is written down before any sink can have got past it. */
  const beforeAccepting = async (batch: ChangesBatch | SourceControl) => {
    if (batch.kind !== 'control') return
    if (batch.event === 'table-dropped') return copies.remove([batch.table])
    if (batch.event !== 'schema') return
    const before = merge.describe(batch.table.id)
    if (batch.reread || (before && !hasSameKey(before, batch.table))) await copies.reread(batch.table, null)
  }
  /** A chunk can be the first to tell of another key. */
  async function* told(batch: Batch): AsyncGenerator<Batch> {
    const isNewKey = batch.kind === 'control' && batch.event === 'schema' && batch.previous && !hasSameKey(batch.previous, batch.table)
    if (isNewKey) await copies.reread(batch.table, null)
    yield batch
  }

  return {
    add: (tables) => (options.mode === 'none' ? copies.pass(tables) : copies.add(tables)),
    remove: copies.remove,
    leaveAllBut: context.plans.leaveAllBut,
    reread: (table, audience) => copies.reread(table, audience),
    rereadKeys: copies.rereadKeys,
    merge: through,
    idle: copies.idle,
    isCopying: copies.isBusy,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([copies.close(), watching])
    },
  }
}

function carryOf(running: readonly TransactionId[]): Carry {
  const xids: XidRange[] = []
  for (const xid of running) addXid(xids, xid)
  return { xids, incomplete: [] }
}

function pull<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = iterator.next()
  // Its failure is met when it is awaited; nobody may await it where a copy fails first.
  next.catch(() => undefined)
  return next
}

/** Wakes a wait for the stream. A ring while nobody waits is kept. */
function createBell() {
  let hasRung = false
  let waiting: (() => void) | null = null
  return {
    ring() {
      hasRung = true
      waiting?.()
    },
    /** What arrived, or null where the bell rang first. */
    async orArrival<T>(arrival: Promise<T>): Promise<T | null> {
      if (hasRung) {
        hasRung = false
        return null
      }
      // A promise of its own each time: handlers do not pile up on the arrival, which may be long in coming.
      const result = await new Promise<{ value: T } | null>((resolve, reject) => {
        waiting = () => resolve(null)
        arrival.then((value) => resolve({ value }), reject)
      })
      waiting = null
      if (result === null) hasRung = false
      return result?.value ?? null
    },
  }
}
