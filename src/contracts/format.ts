import type { Change } from './change.ts'
import type { ChunkId, Position } from './position.ts'
import type { Row, Table } from './table.ts'

/** A change as encoded for a sink: UTF-8 text, without a line break at its end. `key` and `headers` where the format has them. */
export type Message = { topic: string | null; key: string | null; value: string | null; headers: Record<string, string> | null }

/**
 * Change → message. Pure and synchronous; encoders are made once per table version.
 * `lines` is the fast path of sinks that write text lines: the same messages, joined, each ended by a line break.
 */
export interface Format {
  change(change: Change): readonly Message[]
  read(table: Table, row: Row, at: ReadPlace): readonly Message[]
  changeLine(change: Change): string
  readLine(table: Table, row: Row, at: ReadPlace): string
  /**
   * `changeLine` as UTF-8 at `at` of `out`; returns where it ends. −1 where there is no room, or no shorter way than `changeLine`:
   * then nothing at `at` and behind it counts. Left out by formats that make text in any case.
   */
  writeLine?(change: Change, out: Buffer, at: number): number
}

export type ReadPlace = { position: Position; chunk: ChunkId }
