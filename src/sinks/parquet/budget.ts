import { createDeferred } from '../../lib/deferred.ts'

/** Bytes on their way into files. `room` is waited for before more is taken: what bounds memory. */
export function createBudget(limitBytes: number) {
  let used = 0
  let waiting: ReturnType<typeof createDeferred<void>> | null = null

  return {
    take(bytes: number): void {
      used += bytes
    },
    give(bytes: number): void {
      used -= bytes
      if (waiting === null || used >= limitBytes) return
      waiting.resolve()
      waiting = null
    },
    /** Null where there is room. */
    room(): Promise<void> | null {
      if (used < limitBytes) return null
      waiting ??= createDeferred()
      return waiting.promise
    },
  }
}

export type Budget = ReturnType<typeof createBudget>
