import type { Position } from '../contracts/position.ts'
import type { Log } from '../contracts/sink.ts'
import type { LogHealth, Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { systemClock, type Clock } from './clock.ts'
import { createCopied, type Copied } from './copied.ts'
import { createFollowed, type Operations } from './followed.ts'
import { retryDelayMs, retryLevel, shouldRetry } from './retry.ts'
import { asPartFailure, type PartFailure } from './run-failure.ts'
import type { LivePipeline } from './run-live.ts'
import type { PipelineSink } from './run-resume.ts'
import { runSession } from './run-session.ts'

export type PipelineOptions = {
  name: string
  /** How the source's reader is called in errors. */
  slotName: string
  /** Opened anew after each failure: a source that lost its connection is not used again. */
  source: () => Promise<Source>
  sinks: readonly PipelineSink[]
  /** Throws where a sink can never hold a table of the source: asked before a first run makes anything. */
  checkTables?: () => Promise<void>
  /** Opened, and locked against other processes, by the caller. */
  state: StateStore
  /** `snapshot`: ends when every table is copied. `stream`: copies nothing. */
  mode: 'both' | 'snapshot' | 'stream'
  /** Makes the slot anew and reads every table again under the present sinks. */
  repair?: boolean
  until?: 'caught-up' | { position: Position } | null
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
}

type Counted = 'changes' | 'operations' | 'rows' | 'tables' | 'copySeconds' | 'bytes' | 'copyBytes'
type Failures = Map<string, { attempts: number; sinceMs: number; lastMs: number }>
/** A part that failed longer ago than this has worked since: the longest pause between retries is half of it. */
const FORGET_FAILURES_MS = 60_000

/**
 * Runs a pipeline until it is drained, caught up, or stopped by an error that needs somebody; then throws it.
 *
 * It is a row of sessions. A session opens source and sinks, finds by `decideResume` where to go on, and ends at the
 * first failure of any part, after the other sinks have made durable what they took. A transient failure starts the next
 * session. So there is one way to recover, and it is the way of a restart: from what is durable, nothing remembered.
 */
export async function runPipeline(options: PipelineOptions): Promise<PipelineSummary> {
  const clock = options.clock ?? systemClock
  const startedMs = clock.now()
  const failures: Failures = new Map()
  let hadSuccess = false
  const run: Run = {
    options,
    clock,
    copied: createCopied(clock),
    followed: createFollowed(),
    reached: () => (hadSuccess = true),
    works: (part) => void failures.delete(part),
    isRepairWanted: options.repair ?? false,
  }

  for (;;) {
    try {
      const end = await runSession(run)
      return { ...end, ...totalsOf(run), seconds: (clock.now() - startedMs) / 1000 }
    } catch (caught) {
      const failure = asPartFailure('pipeline', caught)
      await waitToRetry(run, failure, { failures, hadSuccess })
      if (options.signal.aborted)
        return { end: 'drained', position: null, health: null, example: null, ...totalsOf(run), seconds: (clock.now() - startedMs) / 1000 }
    }
  }
}

/** Throws the error where retrying is not the answer. */
async function waitToRetry(run: Run, failure: PartFailure, past: { failures: Failures; hadSuccess: boolean }): Promise<void> {
  const { part, error } = failure
  const { options, clock } = run
  const nowMs = clock.now()
  const earlier = past.failures.get(part)
  const isRow = earlier !== undefined && nowMs - earlier.lastMs <= FORGET_FAILURES_MS
  const { attempts, sinceMs } = isRow ? earlier : { attempts: 0, sinceMs: nowMs }
  past.failures.set(part, { attempts: attempts + 1, sinceMs, lastMs: nowMs })
  if (!shouldRetry({ error, hadSuccess: past.hadSuccess, failingMs: nowMs - sinceMs })) throw error
  const delayMs = retryDelayMs(attempts, Math.random(), part)
  const level = retryLevel(attempts)
  options.report({ event: 'retry', level, part, attempt: attempts + 1, delayMs, code: error.code, message: error.message })
  options.log[level]('retry', { part, attempt: attempts + 1, delayMs, code: error.code, reason: error.message })
  await clock.sleep(delayMs, options.signal)
}

function totalsOf({ copied, followed }: Run): Pick<PipelineSummary, Counted> {
  const { tables, rows, bytes: copyBytes, seconds: copySeconds } = copied.total()
  const { changes, operations, bytes } = followed.now
  return { changes, operations, rows, tables, copySeconds, bytes: bytes + copyBytes, copyBytes }
}
