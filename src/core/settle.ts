import type { Position } from '../contracts/position.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { Clock } from './clock.ts'

const SETTLE_EVERY_MS = 250

/** The lowest position that every sink holds durably; null while one holds nothing. */
export function lowestDurable(durables: readonly (Position | null)[]): Position | null {
  let lowest: Position | null = null
  for (const durable of durables) {
    if (durable === null) return null
    if (lowest === null || durable < lowest) lowest = durable
  }
  return lowest
}

/** Says that a durable position may have moved; `finish` settles what is left and stops. */
export type Settlement = { moved(): void; finish(): Promise<void> }

export type SettlementPorts = {
  durables(): readonly (Position | null)[]
  /** Whether a sink that keeps no record of its own has come further than its saved checkpoint. */
  hasUnsaved(): boolean
  /** Saves those checkpoints; then writes down that `position` may be acknowledged, where there is one. Durably. */
  record(position: Position | null): Promise<void>
  acknowledge(position: Position): void
  failed(error: unknown): void
  clock: Clock
  signal: AbortSignal
}

/**
 * Carries durable positions to the source, at once and then a few times a second at most.
 *
 * Invariant: `acknowledge` is called only with a position that every sink held durably before, and that was recorded
 * before: after a crash at any point the record is at least as far as the slot, so a slot past it was moved by another.
 */
export function createSettlement(ports: SettlementPorts): Settlement {
  let acknowledged: Position | null = null
  let running: Promise<void> | null = null

  function rises(lowest: Position | null): lowest is Position {
    return lowest !== null && (acknowledged === null || lowest > acknowledged)
  }

  function isBehind(): boolean {
    return ports.hasUnsaved() || rises(lowestDurable(ports.durables()))
  }

  async function settleOnce(): Promise<void> {
    if (!isBehind()) return
    const lowest = lowestDurable(ports.durables())
    await ports.record(lowest)
    faultPoint('recorded')
    if (!rises(lowest)) return
    ports.acknowledge(lowest)
    acknowledged = lowest
    faultPoint('acknowledged')
  }

  async function settleUntilLevel(): Promise<void> {
    while (isBehind() && !ports.signal.aborted) {
      await settleOnce()
      await ports.clock.sleep(SETTLE_EVERY_MS, ports.signal)
    }
  }

  return {
    moved() {
      if (running !== null || ports.signal.aborted) return
      running = settleUntilLevel()
        .catch(ports.failed)
        .finally(() => (running = null))
    },
    async finish() {
      await running
      await settleOnce()
    },
  }
}
