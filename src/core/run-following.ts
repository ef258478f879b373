import type { Position } from '../contracts/position.ts'
import type { Table } from '../contracts/table.ts'
import type { Lane } from './lane.ts'
import type { PipelineSummary, Run } from './pipeline.ts'
import type { PartFailure } from './run-failure.ts'
import type { Watermark } from './run-live.ts'
import type { Session } from './run-open.ts'
import type { Settlement } from './settle.ts'
import type { Snapshots } from './snapshot.ts'

export type SessionEnd = Pick<PipelineSummary, 'end' | 'position' | 'health' | 'example' | 'deadLetters'>
export type Stop = { why: 'signal' } | { why: 'until'; position: Position } | { why: 'error'; failure: PartFailure }

/** What the parts of a session share. */
export type Following = {
  run: Run
  session: Session
  lanes: Lane[]
  watermark: Watermark
  settlement: Settlement
  /** The first reason to stop wins. */
  stop(reason: Stop): void
  stopped: Promise<Stop>
  failed(part: string): (error: unknown) => void
  /** Three ends, each later than the one before: side tasks and new batches, then the reading, then writes under way. */
  taking: AbortController
  reading: AbortController
  writing: AbortController
  snapshots: Snapshots | null
  tables: readonly Table[]
  /** Tables that left. The sinks are told once the log has passed the place where it was noticed: before it changes of theirs may come. */
  left: { table: Table; after: Position }[]
  pumping: Promise<void>
}
