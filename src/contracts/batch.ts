import type { Change } from './change.ts'
import type { Checkpoint, ChunkId, Position } from './position.ts'
import type { Row, Table } from './table.ts'

/** Changes that travel together and end at one position. Sinks receive these, one at a time, in order. */
export type Batch = ChangesBatch | RowsBatch | ControlBatch

type Placed = {
  /** The log this belongs to; '' where a source has one log. */
  log: string
  /** Settling `end` settles everything up to it. Filled by the source; the core may raise `carry`. */
  end: Position
  /** Stored beside `end` by a sink that keeps its own checkpoint; see Checkpoint. */
  carry: Checkpoint['carry']
  /** Names of the sinks it is meant for; null: all. Others skip it (a resync of one sink, a sink that joined late). */
  audience: readonly string[] | null
}

/** Stream changes in log order. Empty is legal: it only moves the position. */
export type ChangesBatch = Placed & {
  kind: 'changes'
  changes: readonly Change[]
  /** Size on the wire, in bytes: what memory bounds count. */
  bytes: number
  /** Whether `end` lies between transactions. Chunks are emitted only there. */
  betweenTransactions: boolean
  /** The source itself waits until `end` is acknowledged (a server that shuts down does): it is made durable at once, also where it is empty. */
  awaited?: true
  /** The wire bytes, where the source keeps them for spooling. */
  raw?: Uint8Array
}

/** Rows of one snapshot chunk, placed in the log at `end`. Decoded on demand, each form at most once. */
export type RowsBatch = Placed & {
  kind: 'rows'
  table: Table
  chunk: ChunkId
  /** Whether this batch finishes its chunk: only then is the chunk recorded as done. */
  last: boolean
  rowCount: number
  bytes: number
  rows(): readonly Row[]
  columns(): Columns
}

/**
 * What is true of the log from here on.
 * - `schema`: the table's description is `table` from here on; `previous` is the one before, null at first sight.
 * - `snapshot-begin`: rows of `generation` follow. `fresh` says that no earlier generation can have left rows of it
 *   in these sinks, except the rows that the stream itself delivered.
 * - `snapshot-end`: every row of `generation` was delivered. A sink that materialises tables deletes the rows that
 *   neither this generation nor the stream since its begin delivered. `chunk` is recorded as done with it.
 * - `table-dropped`: the table left the source, or the pipeline.
 */
export type ControlBatch = Placed & {
  kind: 'control'
  table: Table
} & (
    | { event: 'schema'; previous: Table | null }
    | { event: 'snapshot-begin'; generation: string; fresh: boolean }
    | { event: 'snapshot-end'; generation: string; chunk: ChunkId }
    | { event: 'table-dropped' }
  )

/** A chunk in columns: Arrow's memory layout without Arrow's library. `vectors` aligns with `table.columns`. */
export type Columns = { rowCount: number; vectors: readonly Vector[] }

/**
 * One column. `valid` is a bitmap, least significant bit first, 1 = present, null where every value is present.
 * - `fixed`, by the column's kind: boolean Uint8Array (0, 1); int16, int32, uint32, float32, float64 their own arrays;
 *   int64 BigInt64Array; date Int32Array, days since 1970-01-01 (infinities: the extremes of the array's range);
 *   time, timestamp, timestamptz BigInt64Array, microseconds since midnight or since 1970-01-01 (infinities likewise).
 * - `uuid`: 16 bytes a value.
 * - `varlen`: bytes as they are; everything else that is text in UTF-8 (decimals too), value i is data[offsets[i]..offsets[i+1]).
 * - `values`: canonical values, for what has no columnar form (and for a batch that holds a value past a form's range).
 */
export type Vector =
  | { form: 'fixed'; values: FixedArray; valid: Uint8Array | null }
  | { form: 'uuid'; data: Uint8Array; valid: Uint8Array | null }
  | { form: 'varlen'; offsets: Int32Array; data: Uint8Array; valid: Uint8Array | null }
  | { form: 'values'; values: readonly Row[number][] }

export type FixedArray = Uint8Array | Int16Array | Int32Array | Uint32Array | BigInt64Array | Float32Array | Float64Array
