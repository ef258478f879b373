import type { Batch } from '../contracts/batch.ts'
import type { Lane } from './lane.ts'

/**
 * Gives each batch to every lane, and waits for the slowest to have room before the next: the wait is the backpressure
 * that reaches the source's socket. Null where there is room, so that a fast pipeline awaits nothing here.
 */
export function fanOut(lanes: readonly Lane[], batches: readonly Batch[]): Promise<void> | null {
  let at = 0
  function pushUntilFull(): Promise<void> | null {
    for (; at < batches.length; at++) {
      const waits = lanes.map((lane) => lane.room()).filter((room) => room !== null)
      if (waits.length > 0) return Promise.all(waits).then(async () => (await pushUntilFull()) ?? undefined)
      const batch = batches[at]
      if (batch !== undefined) for (const lane of lanes) lane.push(batch)
    }
    return null
  }
  return pushUntilFull()
}
