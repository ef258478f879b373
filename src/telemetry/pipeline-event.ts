import type { Position } from '../contracts/position.ts'
import type { Holder, LogHealth } from '../contracts/source.ts'

/** News about a running pipeline, for progress bars, logs and metrics. Never a row value, never a credential. */
export type PipelineEvent =
  | { event: 'started'; act: 'start' | 'adopt' | 'continue' | 'repair'; from: Position; tables: number; sinks: readonly string[] }
  | { event: 'tables-joined'; tables: readonly string[] }
  | { event: 'tables-left'; tables: readonly string[] }
  | SnapshotEvent
  /** Every table of the pipeline is copied. */
  | { event: 'snapshot-done'; seconds: number }
  /** Once a second while something moves. */
  | PipelineProgress
  | { event: 'settled'; position: Position }
  | { event: 'caught-up'; position: Position }
  | WaitingEvent
  /** `level` rises with the attempts. */
  | RetryEvent
  | { event: 'warning'; code: WarningCode; message: string; fields: Record<string, string | number> }
  | { event: 'draining'; reason: 'signal' | 'until' | 'error' }
  | { event: 'stopped'; position: Position | null; health: LogHealth | null }

/** One table's copy. Rows and bytes are totals of this copy in this run, each chunk counted once. */
export type SnapshotEvent =
  | { event: 'snapshot-planned'; table: string; chunks: number; chunksDone: number; rowEstimate: number; rows: number; bytes: number }
  /** The copy waits for transactions of others to end. */
  | { event: 'snapshot-waiting'; table: string; holders: readonly Holder[] }
  | { event: 'snapshot-chunk'; table: string; rows: number; bytes: number; chunksDone: number; chunksPlanned: number }
  | { event: 'snapshot-table-done'; table: string; rows: number; bytes: number }

export type PipelineProgress = {
  event: 'progress'
  /** Changes read of the log in this run and rows copied, each counted once, and the bytes of both on the wire. */
  changes: number
  rows: number
  bytes: number
  /** What every sink holds durably. */
  position: Position | null
  /** The end of the source's log now; null where it could not be asked. */
  head: Position | null
  /** When the newest change delivered was committed, microseconds since 1970; null before the first. */
  commitTimeUs: number | null
  /** `passed`: up to here nothing is missing in the sink, be it that nothing was there to write. */
  sinks: readonly SinkProgress[]
}

/** Of a sink that is set aside `durable` and `passed` are of the sink itself, not of what lies on disk for it. */
export type SinkProgress = { name: string; durable: Position | null; passed: Position | null; queuedBytes: number; spooledBytes?: number }

/** Once a second while the source cannot be read yet: its slot waits for transactions of others to end, or another process reads it. */
export type WaitingEvent = {
  event: 'waiting'
  what: 'slot-made' | 'slot-read'
  waitedMs: number
  holders: readonly Holder[]
  /** Who reads the slot. */
  pid: number | null
}

export type RetryEvent = {
  event: 'retry'
  level: 'info' | 'warn' | 'error'
  /** The sink's name, or `source`. */
  part: string
  attempt: number
  delayMs: number
  code: string
  message: string
  /** The others go on meanwhile. */
  isAside?: true
}

export type WarningCode =
  | 'TIMELINE_CHANGED'
  | 'LOG_RETAINED'
  | 'LOG_AT_RISK'
  | 'DRAIN_ABORTED'
  | 'REQUEST_FAILED'
  | 'DEAD_LETTER'
  | 'SINK_STOPPED'
  | 'SPOOL_FULL'
  | 'TRANSFORMS_CHANGED'
