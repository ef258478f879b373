import { systemClock } from './clock.ts'
import { createCopied } from './copied.ts'
import { createDeadLetterBook } from './dead-letter-book.ts'
import { createDiskWork } from './disk-work.ts'
import { createFollowed } from './followed.ts'
import type { MillraceError } from '../errors/millrace-error.ts'
import type { PipelineOptions, PipelineSummary, Run } from './pipeline.ts'
import { retryDelayMs, retryLevel, shouldRetry } from './retry.ts'
import { setAside } from './run-aside.ts'
import { asPartFailure, type PartFailure } from './run-failure.ts'
import type { SessionEnd } from './run-following.ts'
import { runSession } from './run-session.ts'

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
    deadLetters: options.deadLetters ? createDeadLetterBook(options.deadLetters, clock) : null,
    guards: new Map(),
    aside: new Map(),
    closing: new Map(),
    disk: createDiskWork(),
  }

  try {
    for (;;) {
      const end = await runSession(run).catch(async (caught: unknown) => {
        await waitToRetry(run, asPartFailure('pipeline', caught), { failures, hadSuccess })
        return options.signal.aborted ? UNOPENED : null
      })
      if (end === null) continue
      const stopped = stoppedIn(run)
      if (stopped) throw stopped
      return { ...end, ...totalsOf(run), seconds: (clock.now() - startedMs) / 1000 }
    }
  } finally {
    await run.disk.end()
  }
}

/** The end of a run that was told to end while it waited to try again. */
const UNOPENED: SessionEnd = { end: 'drained', position: null, health: null, example: null, deadLetters: 0 }

/** More in a row than any one refusal takes to be found: something gives the sink other pieces than were asked for. */
const MOST_SOUGHT = 100

/** Throws the error where retrying is not the answer. */
async function waitToRetry(run: Run, failure: PartFailure, past: { failures: Failures; hadSuccess: boolean }): Promise<void> {
  const { part, error } = failure
  const { options, clock } = run
  const nowMs = clock.now()
  if (error.code === 'DEAD_LETTER_MADE' || error.code === 'DEAD_LETTER_SOUGHT') return askAgain(failure, { nowMs, failures: past.failures })
  if (await setAside(run, failure)) return
  const earlier = past.failures.get(part)
  const isRow = earlier !== undefined && nowMs - earlier.lastMs <= FORGET_FAILURES_MS
  const { attempts, sinceMs } = isRow ? earlier : { attempts: 0, sinceMs: nowMs }
  // Who asked to be left alone is left alone, and has not worked meanwhile.
  const wishedMs = error.retryAfterMs ?? 0
  past.failures.set(part, { attempts: attempts + 1, sinceMs, lastMs: nowMs + wishedMs })
  if (!shouldRetry({ error, hadSuccess: past.hadSuccess, failingMs: nowMs - sinceMs })) throw error
  const delayMs = Math.max(retryDelayMs(attempts, Math.random(), part), wishedMs)
  const level = retryLevel(attempts)
  options.report({ event: 'retry', level, part, attempt: attempts + 1, delayMs, code: error.code, message: error.message })
  options.log[level]('retry', { part, attempt: attempts + 1, delayMs, code: error.code, reason: error.message })
  await clock.sleep(delayMs, options.signal)
}

/** No failure of the sink: it is asked again at once, for less. Not for ever: then what it said is the error. */
function askAgain({ part, error }: PartFailure, { nowMs, failures }: { nowMs: number; failures: Failures }): void {
  const sought = `${part} sought`
  if (error.code === 'DEAD_LETTER_MADE') return void failures.delete(sought)
  const earlier = failures.get(sought)
  const isRow = earlier !== undefined && nowMs - earlier.lastMs <= FORGET_FAILURES_MS
  const attempts = (isRow ? earlier.attempts : 0) + 1
  if (attempts > MOST_SOUGHT) throw error.cause
  failures.set(sought, { attempts, sinceMs: isRow ? earlier.sinceMs : nowMs, lastMs: nowMs })
}

/** A sink stopped, and the others went on: the run ended as it should, and says now that not all was well. */
function stoppedIn(run: Run): MillraceError | null {
  return [...run.aside.values()].find(({ isStopped }) => isStopped)?.error ?? null
}

function totalsOf({ copied, followed }: Run): Pick<PipelineSummary, Counted> {
  const { tables, rows, bytes: copyBytes, seconds: copySeconds } = copied.total()
  const { changes, operations, bytes } = followed.now
  return { changes, operations, rows, tables, copySeconds, bytes: bytes + copyBytes, copyBytes }
}
