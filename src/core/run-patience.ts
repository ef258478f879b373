import { createDeferred } from '../lib/deferred.ts'
import type { Run } from './pipeline.ts'
import { DRAIN_MS } from './run-leave.ts'
import { closeSession, openSession, type Session } from './run-open.ts'
import type { SinkReports } from './run-resume.ts'

/**
 * Null where the run was told to end and opening then took longer than a drain may, or was told to end at once: what opens
 * later is closed again. Nothing is lost by it: nothing was taken yet.
 */
export async function openOrLeave(run: Run, reports: SinkReports): Promise<Session | null> {
  const { signal, abort, drainMs } = run.options
  const { promise: late, resolve } = createDeferred<null>()
  const leave = () => resolve(null)
  let timer: NodeJS.Timeout | undefined
  const onSignal = () => (timer = setTimeout(leave, drainMs ?? DRAIN_MS))
  signal.addEventListener('abort', onSignal)
  abort?.addEventListener('abort', leave)
  if (signal.aborted) onSignal()
  if (abort?.aborted) leave()
  const opening = openSession(run, reports)
  try {
    const session = await Promise.race([opening, late])
    if (session === null) opening.then(closeSession).catch(() => {}) // nobody waits for what becomes of it
    return session
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onSignal)
    abort?.removeEventListener('abort', leave)
  }
}
