import { createDeferred } from '../lib/deferred.ts'
import type { Disturbance, PlaceFault } from './sink-subject.ts'

/** For a `SinkPlace` whose store is in this process: what the sink does to it goes through `pass`, which `disturb` makes misbehave. */
export function createFaultGate() {
  let fault: PlaceFault | null = null
  let reached = createDeferred<void>()
  let released = createDeferred<void>()

  return {
    async disturb(next: PlaceFault): Promise<Disturbance> {
      fault = next
      reached = createDeferred()
      released = createDeferred()
      return {
        reached: reached.promise,
        async end() {
          fault = null
          released.resolve()
        },
      }
    },
    async pass<T>(work: () => Promise<T>): Promise<T> {
      if (fault === 'reject') throw new Error('planned fault: refused')
      if (fault === 'hold') {
        reached.resolve()
        await released.promise
        // Whoever asked is gone by now: done late it would come among what the next one does.
        throw new Error('planned fault: never answered')
      }
      const result = await work()
      if (fault === 'fail-after') throw new Error('planned fault: done, and failed')
      return result
    },
  }
}
