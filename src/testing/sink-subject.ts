import type { Sink, SinkCapabilities, SinkContext } from '../contracts/sink.ts'
import type { Row, Table } from '../contracts/table.ts'

/** Where one test's sink writes. */
export type SinkPlace = {
  /** Opens a sink here as a new process would. */
  open(context: SinkContext): Promise<Sink>
  /** Ends a sink as a crash would; left out: disposed without a flush, which makes nothing durable. */
  crash?(sink: Sink): Promise<void>
  /** For `shape: 'changes'` of a sink that writes lines: the lines of one table that lie here, in order. */
  lines?(table: Table): Promise<readonly string[]>
  /** For `shape: 'changes'` of a sink that writes messages: all that lie here, those of one key in the order in which a reader gets them. */
  messages?(): Promise<readonly ReadMessage[]>
  /** With `messages`: a topic of this place, for what a format says of no table. Left out: such messages are not tried. */
  ownTopic?: string
  /** With `messages`: tombstones are not written, because they would mean nothing there. */
  dropsTombstones?: boolean
  /** For `shape: 'changes'`: the rows of a copy go once a later copy of the table has ended. */
  keepsLastCopy?: boolean
  /** For `shape: 'tables'` of a sink without `scan`: the rows of one table, in any order. */
  rows?(table: Table): Promise<readonly Row[]>
  /** Makes what lies behind the sink misbehave until it is ended. Left out: not tried. */
  disturb?(fault: PlaceFault): Promise<Disturbance>
  remove(): Promise<void>
}

/** What the store behind a sink does: refuses; does the work and then fails; takes and never answers. */
export type PlaceFault = 'reject' | 'fail-after' | 'hold'

/** `reached` resolves once something was held. */
export type Disturbance = { reached: Promise<void>; end(): Promise<void> }

/**
 * A message as a reader has it. `value` as the format gave it, null for a tombstone. The others are compared where they are given: `key` and
 * `headers` (its own may be more), and `id`, by which a receiver drops what it has seen.
 */
export type ReadMessage = { value: string | null; key?: string | null; headers?: Readonly<Record<string, string>>; id?: string }

export type SinkSubject = { name: string; capabilities: SinkCapabilities; place(): Promise<SinkPlace> }

export type ConformanceCase = { title: string; run(): Promise<void> }
