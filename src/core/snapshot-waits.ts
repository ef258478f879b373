import type { Position } from '../contracts/position.ts'
import type { Holder, Source } from '../contracts/source.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { eachXid, withoutVisible, type XidRange } from './carry.ts'
import type { Clock } from './clock.ts'
import type { Merge } from './merge.ts'

/** What copies wait for: transactions that must become visible, and positions that the stream must pass. */
export type StreamWaits = {
  /**
   * Resolves once a fresh snapshot sees all of these. Delivered before the table was followed, they are remembered by nobody: a chunk that
   * failed to see one would bring back the row from before it.
   */
  visible(xids: readonly XidRange[], told: (holders: readonly Holder[]) => void, signal: AbortSignal): Promise<void>
  /** Asks the source to pass `high` soon, until `over` is called. */
  passing(high: Position): { over(): void }
  /** Nudges and, once a second, asks what has become visible, so that less is carried. Ends with the signal. */
  watch(signal: AbortSignal): Promise<void>
}

const NUDGE_EVERY_MS = 50
const LOOK_EVERY_MS = 1000
const FIRST_LOOK_MS = 5
const LONGEST_LOOK_MS = 250
const MOST_HOLDERS_ASKED = 100

type Ports = { source: Pick<Source, 'snapshots' | 'nudge'>; merge: Merge; clock: Clock }

export function createStreamWaits({ source, merge, clock }: Ports): StreamWaits {
  const passing = new Set<{ high: Position; sinceMs: number }>()

  const learn = async (signal: AbortSignal) => {
    const visibility = await orAborted(source.snapshots.visibility(), signal)
    merge.learn(visibility)
    return visibility
  }
  /** The lowest position waited for: the stream passes it first. */
  const nudge = () => {
    let lowest: { high: Position; sinceMs: number } | null = null
    for (const wait of passing) if (wait.high > merge.position && (lowest === null || wait.high < lowest.high)) lowest = wait
    if (lowest) source.nudge(lowest.high, clock.now() - lowest.sinceMs)
  }

  return {
    async visible(xids, told, signal) {
      let left = xids
      for (let waitMs = FIRST_LOOK_MS; left.length > 0; waitMs = Math.min(waitMs * 2, LONGEST_LOOK_MS)) {
        left = withoutVisible(left, await learn(signal))
        if (left.length === 0 || signal.aborted) return signal.throwIfAborted()
        if (waitMs >= LONGEST_LOOK_MS)
          told(await orAborted(source.snapshots.holders([...eachXid(left)].slice(0, MOST_HOLDERS_ASKED)), signal))
        await clock.sleep(waitMs, signal)
      }
    },
    passing(high) {
      const wait = { high, sinceMs: clock.now() }
      passing.add(wait)
      nudge()
      return { over: () => void passing.delete(wait) }
    },
    async watch(signal) {
      for (let lookedMs = clock.now(); !signal.aborted;) {
        await clock.sleep(NUDGE_EVERY_MS, signal)
        nudge()
        if (clock.now() - lookedMs < LOOK_EVERY_MS || merge.carriedXids().length === 0) continue
        lookedMs = clock.now()
        // It only shortens what is carried; where it fails, the next look may do, and the stream itself says what is wrong.
        await learn(signal).catch(() => undefined)
      }
    },
  }
}
