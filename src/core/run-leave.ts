import { toMillraceError } from '../errors/millrace-error.ts'
import { createDeferred } from '../lib/deferred.ts'
import { asPartFailure, type PartFailure } from './run-failure.ts'
import type { Lane } from './lane.ts'
import type { Following } from './run-following.ts'
import type { Settlement } from './settle.ts'

export const DRAIN_MS = 10_000
/** For what was told to end and should do so at once. */
export const PATIENCE_MS = 2000

/** Drains, settles and closes, in the order in which each still needs the next. `failure`: of a sink or the state, meanwhile. */
export async function leave(following: Following, starting: Promise<void>): Promise<{ isDrained: boolean; failure: PartFailure | null }> {
  const { run, lanes, settlement, taking, reading, writing } = following
  taking.abort()
  // Nobody waits for a sink that waits itself, or hangs: what it lacks stays where it lies.
  const waitedFor = lanes.filter((lane) => !isWaiting(following, lane))
  const drained = Promise.all(waitedFor.map((lane) => lane.drain())).then(() => true)
  const isDrained = await within(run.options.drainMs ?? DRAIN_MS, drained, run.options.abort)
  writing.abort()
  const broken = waitedFor.find((lane) => lane.failure !== null)
  if (isDrained === null) await within(PATIENCE_MS, drained)
  await Promise.all(following.session.sinks.map(({ spooling }) => spooling?.stop()))
  // Before the reading ends: the acknowledgement travels on its connection.
  const settled = await within(PATIENCE_MS, settle(settlement))
  // The source's pending read ends by this signal only; to leave its loop first would wait for a change that may never come.
  reading.abort()
  await within(PATIENCE_MS, starting)
  await within(PATIENCE_MS, following.pumping)
  if (following.snapshots !== null) await within(PATIENCE_MS, Promise.resolve(following.snapshots[Symbol.asyncDispose]()))
  const failure = broken?.failure ? asPartFailure(broken.name, broken.failure.error) : (settled?.failure ?? null)
  return { isDrained: isDrained === true && settled !== null, failure }
}

function isWaiting({ session }: Following, lane: Lane): boolean {
  const isFull = session.sinks.find(({ name }) => name === lane.name)?.spooling?.isWaiting ?? false
  return isFull || hangs(lane)
}

export function hangs({ failure }: Lane): boolean {
  return failure !== null && toMillraceError(failure.error).code === 'SINK_HANGS'
}

async function settle(settlement: Settlement): Promise<{ failure: PartFailure | null }> {
  try {
    await settlement.finish()
    return { failure: null }
  } catch (error) {
    return { failure: asPartFailure('state', error) }
  }
}

/** The promise's value, or null where it failed, took longer, or `cut` aborts. */
export async function within<T>(timeoutMs: number, promise: Promise<T>, cut?: AbortSignal): Promise<T | null> {
  const { promise: late, resolve } = createDeferred<null>()
  const timer = setTimeout(resolve, timeoutMs, null)
  const onCut = () => resolve(null)
  cut?.addEventListener('abort', onCut)
  if (cut?.aborted) onCut()
  try {
    return await Promise.race([promise.catch(() => null), late])
  } finally {
    clearTimeout(timer)
    cut?.removeEventListener('abort', onCut)
  }
}
