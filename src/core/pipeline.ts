import type { Position } from '../contracts/position.ts'
import type { Log } from '../contracts/sink.ts'
import type { LogHealth, Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import type { Clock } from './clock.ts'
import type { Copied } from './copied.ts'
import type { DeadLetterBook, DeadLetterOptions } from './dead-letter-book.ts'
import type { DeadLetterGuard } from './dead-letter-guard.ts'
import type { createFollowed, Operations } from './followed.ts'
import type { Aside } from './run-aside.ts'
import type { DiskWork } from './disk-work.ts'
import type { LivePipeline } from './run-live.ts'
import type { PipelineSink } from './run-resume.ts'
import type { Transformation } from './transformation.ts'

export type PipelineOptions = {
  name: string
  /** How the source's reader is called in errors. */
  slotName: string
  /** Opened anew after each failure: a source that lost its connection is not used again. */
  source: () => Promise<Source>
  sinks: readonly PipelineSink[]
  /** Throws where a sink can never hold a table of the source: asked before a first run makes anything. */
  checkTables?: () => Promise<void>
  /** What is done to batches between the merge and the sinks; left out: nothing. */
  transforms?: Transformation | undefined
  /** Opened, and locked against other processes, by the caller. */
  state: StateStore
  /** `snapshot`: ends when every table is copied. `stream`: copies nothing. */
  mode: 'both' | 'snapshot' | 'stream'
  /** Makes the slot anew and reads every table again under the present sinks. */
  repair?: boolean
  until?: 'caught-up' | { position: Position } | null
  /** Left out: what a sink refuses as data stops the pipeline. */
  deadLetters?: DeadLetterOptions
  /** Left out: a sink that fails or is slow holds up all. */
  spool?: SpoolSettings | undefined
  snapshot: { chunkBytes: number; parallel: number }
  batch: { maxBytes: number; maxWaitMs: number }
  /** How long a drain may take before it is aborted. */
  drainMs?: number
  discoverEveryMs?: number
  report(event: PipelineEvent): void
  log: Log
  /** What other processes may ask, made anew for each session. */
  handlers?: (live: LivePipeline) => Readonly<Record<string, (args: unknown) => Promise<unknown>>>
  /** Asks for a drain. */
  signal: AbortSignal
  /** Asks for an end without one. */
  abort?: AbortSignal
  clock?: Clock
}

/** For sinks that are set aside: what they cannot take now is kept on disk. */
export type SpoolSettings = {
  folderOf(sink: string): string
  /** Of one sink. */
  maxBytes: number
  /** `block`: then all wait. `pause-sink`: the source's log is kept for it instead. */
  whenFull: 'block' | 'pause-sink'
  /** How long the others wait for a sink that takes nothing. */
  patienceMs: number
}

export type PipelineSummary = {
  /** `aborted`: the drain was cut short; what was not durable is read again by the next run. */
  end: 'caught-up' | 'drained' | 'aborted'
  /** What every sink holds durably; null where one holds nothing. */
  position: Position | null
  /** Changes read of the log, and how many of each kind. */
  changes: number
  operations: Operations
  /** Rows copied, of how many tables, and how long that took. A row that was read again counts once. */
  rows: number
  tables: number
  copySeconds: number
  /** On the wire: of changes and of copied rows, and of the rows alone. */
  bytes: number
  copyBytes: number
  /** The whole run. */
  seconds: number
  /** One of the tables, as an example; null where there is none, or none was asked for. */
  example: { schema: string; name: string } | null
  /** Changes that lie aside because a sink could not take them: of this run and of earlier ones. */
  deadLetters: number
  /** The source's own facts at the end: what it keeps for us while nobody reads. */
  health: LogHealth | null
}

/** What outlives a session: what was moved, and whether the source was ever reached. */
export type Run = {
  options: PipelineOptions
  clock: Clock
  copied: Copied
  followed: ReturnType<typeof createFollowed>
  /** The source answered: from here on losing it is no wrong address. */
  reached(): void
  /** Called when a part works again, so that its retries count from the start. */
  works(part: string): void
  isRepairWanted: boolean
  deadLetters: DeadLetterBook | null
  /** By sink: what is known of a refusal outlives the session. */
  guards: Map<string, DeadLetterGuard>
  /** By sink: set aside, and why. */
  aside: Map<string, Aside>
  /** Work on files of spools that is under way: the run is not over before it. */
  disk: DiskWork
  /** Sinks that are being closed, and must be before they are opened again. */
  closing: Map<string, Promise<unknown>>
}
