import type { Position } from '../contracts/position.ts'
import type { Sink } from '../contracts/sink.ts'
import type { LogHealth, Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { Table } from '../contracts/table.ts'
import type { Hold } from './hold-sink.ts'
import type { SinkProgress } from '../telemetry/pipeline-event.ts'
import type { Lane } from './lane.ts'
import type { SinkStateName, Spooling } from './spooling.ts'

type Standing = SinkProgress & { passed: Position }

/** `state`: `direct` where nothing is wrong. `error`: why it is set aside. */
export type SinkStanding = Standing & { state: SinkStateName; error: { code: string; message: string } | null }

/** A running session as requests of other processes see it. */
export type LivePipeline = {
  source: Source
  sink(name: string): Sink | null
  /** Holds a sink's writes; see hold-sink.ts. Null where there is no such sink. */
  hold(sink: string): Promise<Hold> | null
  /** Where news for those who asked are left. */
  state: Pick<StateStore, 'set' | 'delete'>
  /** Aborts when the session ends. */
  signal: AbortSignal
  tables(): readonly Table[]
  isCopying(): boolean
  lanes(): readonly SinkStanding[]
  health(): Promise<LogHealth>
  letterCount(): Promise<number>
  /** Gives dead letters again; resolves to how many were given. Rejects where none are kept, or a sink cannot take them. */
  retryLetters(ids: readonly number[]): Promise<number>
  /** Takes dead letters away, so that what comes after them waits no more. */
  dropLetters(ids: readonly number[]): Promise<void>
  /** Resolves once every sink (or the one named) holds durably what lies before `position`; nudges an idle source. */
  passed(position: Position, signal: AbortSignal, sink?: string): Promise<void>
}

/** Where a sink itself stands: what lies on disk for it, it does not hold. */
export function standingOfLane(lane: Lane, spooling: Spooling | null): Standing {
  const { name, queuedBytes } = lane
  const inner = spooling?.inner ?? null
  if (inner === null || !spooling) return { name, durable: lane.durable, passed: lane.passed, queuedBytes }
  const { durable, passed } = inner
  return { name, durable, passed: passed < lane.passed ? passed : lane.passed, queuedBytes, spooledBytes: spooling.bytes }
}

/** Wakes those who wait for a lane to pass a position. */
export function createWatermark(lanes: readonly Lane[], spoolingOf: (sink: string) => Spooling | null) {
  const waiters = new Set<() => void>()
  const hasLanePassed = (lane: Lane, position: Position) => {
    const spooling = spoolingOf(lane.name)
    // Of what lies on disk at the same position, rows of a copy, some may still wait.
    return spooling?.isSpooling ? standingOfLane(lane, spooling).passed > position : lane.passed >= position
  }
  const hasPassed = (position: Position, sink?: string) =>
    lanes.every((lane) => (sink !== undefined && lane.name !== sink) || hasLanePassed(lane, position))

  return {
    moved(): void {
      for (const check of waiters) check()
    },
    hasPassed,
    /** Resolves when the position is passed, or `signal` aborts. */
    wait(position: Position, signal: AbortSignal, sink?: string): Promise<void> {
      for (const lane of lanes) {
        if (sink !== undefined && lane.name !== sink) continue
        lane.want(position)
        spoolingOf(lane.name)?.want(position)
      }
      return new Promise((resolve) => {
        const check = () => {
          if (!hasPassed(position, sink) && !signal.aborted) return
          waiters.delete(check)
          signal.removeEventListener('abort', check)
          resolve()
        }
        waiters.add(check)
        signal.addEventListener('abort', check)
        check()
      })
    },
  }
}

export type Watermark = ReturnType<typeof createWatermark>
