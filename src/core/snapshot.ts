/**
 * The driver of snapshots: plans tables, waits until every delivered transaction is visible, reads chunks in parallel, re-reads what
 * came out incomplete, begins and ends generations. The merge (merge.ts) decides which rows may go; this file decides what is read when.
 *
 * The seam to the pipeline. One `Snapshots` lives as long as the sinks stay open:
 *
 *     const snapshots = await openSnapshots({ source, state, sinks, running, … })   // before the stream is read
 *     await snapshots.add(await source.tables())                                    // and later with those that joined
 *     for await (const batch of snapshots.merge(source.read(from, signal), from, signal)) give each sink of `batch.audience` the batch
 *
 * - `merge` yields everything that sinks get, in order, with `end`, `carry` and `audience` filled. It pulls the stream only when pulled.
 *   It ends when the stream ends, and throws what the stream throws or what reading a chunk throws (transient errors of chunks are retried inside).
 * - The stream broke and is read again, the sinks stayed open: call `merge` again, `from` at or before the end of the last batch handed out.
 *   Chunks not handed out are thrown away and read again (point 7). A sink was opened again: dispose, and open anew with the sinks' records.
 * - `sinks`: each with its durable record (chunk ids and carry), null where it holds nothing. A sink that holds nothing of a table gets it,
 *   alone (`audience`) where others hold it already.
 * - `running`: what `source.begin()` returned; null where the slot was not made just now (then every transaction running now is waited for
 *   before a table without a plan is read).
 * - A sink that gets `snapshot-begin` twice with one generation (a resume) goes on with what it has of it.
 * - `idle()` resolves when nothing is left to copy: every snapshot-end was handed out.
 */
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Position, TransactionId } from '../contracts/position.ts'
import type { SinkRecord } from '../contracts/sink.ts'
import type { Holder, Source, SourceControl } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Table } from '../contracts/table.ts'

export type SnapshotsOptions = {
  source: Pick<Source, 'snapshots' | 'nudge' | 'head'>
  state: Pick<StateStore, 'get' | 'set' | 'delete' | 'keys'>
  sinks: readonly { name: string; record: SinkRecord | null }[]
  running: readonly TransactionId[] | null
  /** `none`: the stream only; tables are known, nothing is copied. */
  mode: 'incremental' | 'none'
  chunkBytes: number
  parallel: number
  onProgress?: (progress: SnapshotProgress) => void
}

/** News of one table's copy. Counts are totals of this generation in this process. */
export type SnapshotProgress =
  | { event: 'planned'; table: string; chunks: number; rowEstimate: number }
  | { event: 'waiting'; table: string; holders: readonly Holder[] }
  | { event: 'chunk'; table: string; rows: number; bytes: number; chunksDone: number; chunksPlanned: number }
  | { event: 'done'; table: string; rows: number; bytes: number }

export interface Snapshots extends AsyncDisposable {
  /** Copies those of these tables that some sink does not hold; known ones are left alone. */
  add(tables: readonly Table[]): Promise<void>
  /** Forgets tables that left the pipeline. */
  remove(tables: readonly Table[]): Promise<void>
  /** Reads a table again as a new generation, for these sinks (null: all). */
  reread(table: Table, audience: readonly string[] | null): Promise<void>
  merge(stream: AsyncIterable<ChangesBatch | SourceControl>, from: Position, signal: AbortSignal): AsyncIterable<Batch>
  idle(): Promise<void>
  /** Whether a copy is under way. */
  isCopying(): boolean
}
