import { setTimeout as delay } from 'node:timers/promises'

/** Time as the core sees it, so that tests need not wait. */
export type Clock = {
  now(): number
  /** Resolves after `ms`, or as soon as `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(ms, signal) {
    // An aborted sleep is an end of waiting, not a failure.
    await delay(ms, undefined, { signal }).catch(() => undefined)
  },
}
