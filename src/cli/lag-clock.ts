import type { Position } from '../contracts/position.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'

const KEPT = 3600

/** Remembers when the log ended where, to say how long ago a sink was level with it, and what is being copied. */
export function createLagClock(now: () => number = Date.now) {
  const marks: { position: Position; atMs: number }[] = []
  const copying = new Set<string>()
  let acknowledged: Position | null = null

  return {
    copying,
    get acknowledged() {
      return acknowledged
    },
    on(event: PipelineEvent): void {
      if (event.event === 'settled') acknowledged = event.position
      if (event.event === 'snapshot-planned') copying.add(event.table)
      if (event.event === 'snapshot-table-done') copying.delete(event.table)
      if (event.event !== 'progress' || event.head === null || event.head === marks.at(-1)?.position) return
      marks.push({ position: event.head, atMs: now() })
      if (marks.length > KEPT) marks.shift()
    },
    /** For a sink that is not level: seconds since the first mark that it has not reached, else since the last one that it has. */
    lagSeconds(durable: Position | null): number | null {
      if (durable === null) return null
      const mark = marks.find(({ position }) => position > durable) ?? marks.at(-1)
      return mark ? Math.max(0, (now() - mark.atMs) / 1000) : null
    },
  }
}
