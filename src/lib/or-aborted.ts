import { createDeferred } from './deferred.ts'

/** The promise's value, or the signal's reason as soon as it aborts: for waits that have no signal of their own. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Its failure belongs to nobody once the wait is over; unhandled it would end the process.
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const { promise: aborted, reject } = createDeferred<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
