import type { Holder, Source } from '../contracts/source.ts'
import type { Clock } from './clock.ts'
import type { Copied } from './copied.ts'
import type { Merge } from './merge.ts'
import type { MergeRules } from './merge-rules.ts'
import type { ReadPool } from './read-pool.ts'
import type { Plans, SinkChunks } from './snapshot-plan.ts'
import type { StreamWaits } from './snapshot-waits.ts'

/** What the copies of all tables share. */
export type SnapshotContext = {
  source: Pick<Source, 'snapshots' | 'nudge' | 'head'>
  merge: Merge
  rules: MergeRules
  pool: ReadPool
  plans: Plans
  waits: StreamWaits
  chunkBytes: number
  parallel: number
  clock: Clock
  copied: Copied
  /** What each sink holds: its durable record, and the ends handed out since. */
  sinks: readonly (SinkChunks & { chunks: Set<string> })[]
  progress(event: SnapshotProgress): void
  /** Something may be due: the merge is looked at without waiting for the stream. */
  wake(): void
}

/** News of one table's copy. Rows and bytes are totals of this generation in this run, each chunk counted once. */
export type SnapshotProgress =
  | { event: 'planned'; table: string; chunks: number; chunksDone: number; rowEstimate: number; rows: number; bytes: number }
  | { event: 'waiting'; table: string; holders: readonly Holder[] }
  | { event: 'chunk'; table: string; rows: number; bytes: number; chunksDone: number; chunksPlanned: number }
  | { event: 'done'; table: string; rows: number; bytes: number }

/** Names as an audience: null where they are all sinks. */
export function audienceOf(context: Pick<SnapshotContext, 'sinks'>, names: readonly string[]): readonly string[] | null {
  return context.sinks.every((sink) => names.includes(sink.name)) ? null : names
}
