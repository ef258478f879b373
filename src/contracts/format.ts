import type { ChangesBatch, ControlBatch } from './batch.ts'
import type { Change } from './change.ts'
import type { ChunkId, Position } from './position.ts'
import type { Row, Table } from './table.ts'

/**
 * A change as encoded for a sink: UTF-8 text, without a line break at its end. `key` and `headers` where the format has them.
 * `topic`: where the format itself says so; null where the sink's own setting alone decides. `value` null: a tombstone.
 */
export type Message = { topic: string | null; key: string | null; value: string | null; headers: Record<string, string> | null }

/**
 * Change → messages. Synchronous; encoders are made once per table version. Equal input gives equal messages (but for the time at which they are made, where a format tells it): what a format remembers
 * between calls is only what the batches before would tell anybody again (the transaction that goes on, the tables that it has seen).
 * `changeLine` and `readLine` are for sinks that write text lines: the same messages, each as one line ended by a line break.
 */
export interface Format {
  change(change: Change): readonly Message[]
  read(table: Table, row: Row, at: ReadPlace): readonly Message[]
  /** What a control says, where the format tells it: a table's schema. */
  control?(batch: ControlBatch): readonly Message[]
  /** What follows the last change of a batch, empty ones too: the end of a transaction, a heartbeat. */
  after?(batch: ChangesBatch): readonly Message[]
  /** Its messages count what a transaction holds: it has to see each one whole, so no checkpoint may lie inside one. */
  readonly wholeTransactions?: boolean
  changeLine(change: Change): string
  readLine(table: Table, row: Row, at: ReadPlace): string
  /** What `control` and `after` give, as lines. Left out: `{"topic":…,"key":…,"value":…,"headers":…}`, as formats with topics and headers write all. */
  lines?(messages: readonly Message[]): string
  /**
   * `changeLine` as UTF-8 at `at` of `out`; returns where it ends. −1 where there is no room, or no shorter way than `changeLine`:
   * then nothing at `at` and behind it counts. Left out by formats that make text in any case.
   */
  writeLine?(change: Change, out: Buffer, at: number): number
}

/** `index`: the row's place in its batch, counted by who writes whole batches. It may count up in one object: take what is needed at once. */
export type ReadPlace = { position: Position; chunk: ChunkId; index?: number }
