import type { Position } from '../contracts/position.ts'
import type { SinkState } from '../contracts/sink.ts'
import type { Clock } from './clock.ts'
import type { Lane } from './lane.ts'
import type { Spool } from './spool.ts'

const SAVE_EVERY_MS = 250

export type SavePorts = {
  lane: Lane
  /** What the sink held as it was opened. */
  opened: Position | null
  /** Where it is written down what the sink holds. */
  known: SinkState
  spool: Spool
  /** All segments before this one were given to the lane. */
  given(): number
  released(): void
  failed(error: unknown): void
  clock: Clock
  signal: AbortSignal
}

/**
 * Writes down what a sink holds by now, then gives back the space of what it holds; some times a second at most.
 *
 * Rows from before the sink's own position are given as standing at it (see lane-filter.ts): that it is durable there says nothing of them,
 * only what is durable past it does, or that nothing at all is under way.
 */
export function createSpoolSaves({ lane, opened, known, spool, given, released, failed, clock, signal }: SavePorts) {
  let running: Promise<void> | null = null
  let hasMoved = false

  async function save(): Promise<void> {
    // All as of one moment.
    const [isLevel, durable, until] = [lane.isLevel, lane.durable ?? '', given()]
    const step = lane.takeUnsaved()
    if (step !== null) await known.save({ ...step, data: null })
    const isHeld = (segment: number) => {
      const end = spool.endOf(segment)?.record?.position ?? ''
      return segment < until && (isLevel || (durable > end && durable > (opened ?? '')))
    }
    if (await spool.release(isHeld)) released()
  }

  async function saveWhileMoving(): Promise<void> {
    while (hasMoved) {
      hasMoved = false
      await save()
      await clock.sleep(SAVE_EVERY_MS, signal)
    }
  }

  return {
    moved(): void {
      hasMoved = true
      running ??= saveWhileMoving()
        .catch(failed)
        .finally(() => (running = null))
    },
    async finish(): Promise<void> {
      await running
      await save()
    },
  }
}
