import type { Batch } from './batch.ts'
import type { Format } from './format.ts'
import type { Checkpoint, ChunkId, Position } from './position.ts'
import type { Row, Table } from './table.ts'

/**
 * Where changes go. Written to by one caller, one batch at a time, in order.
 *
 * Promises, in order of danger:
 * 1. `durable` means: it, and all that was accepted before it, survives a crash of the sink and of the machine. `accepted` means only
 *    that it was taken.
 * 2. After `flush` resolves, everything accepted before it is durable.
 * 3. It may see a batch again after a crash or after an error of its own: idempotent by key, deduplicated by
 *    position, or declared at-least-once.
 * 4. After `write` or `flush` threw, or `context.failed` was called, it is disposed and opened again before the next call.
 * 5. It does not retry; it throws errors of the table, whose kind decides.
 */
export interface Sink extends AsyncDisposable {
  /**
   * What this sink holds durably by its own record, kept in the same atomic act as the data, and makes it true
   * (cuts away what lies past it). Null where it holds nothing yet, or keeps no record and the state store decides.
   */
  resume(): Promise<SinkRecord | null>
  write(batch: Batch, signal: AbortSignal): Promise<'accepted' | 'durable'>
  flush(signal: AbortSignal): Promise<void>
  /**
   * Had by a sink that becomes durable by itself, at its own time (files that roll, warehouses that load now and then): whether
   * something that it was given is not durable yet. It keeps its own record, and reports by `context.durable`. A flush would cut
   * its files small: it is asked for one only where somebody waits for a position, or at the end.
   */
  readonly hasPending?: boolean | undefined
  /**
   * Called after `resume` where its record is void: everything is given to it anew, from a log whose positions need not go on
   * from those that it holds. Left out where it does not compare positions with what it holds.
   */
  beginAnew?(): Promise<void>
  /**
   * The furthest position of anything that it holds, where that may lie past its record. Asked for after a failover: what it holds
   * from past the place where the log was left is in no log any more.
   */
  furthest?(): Promise<Position | null>
  /** How many bytes of changes (on the wire) it would like at once, where they wait; small batches that follow on each other are joined. */
  readonly batchBytes?: number
  /**
   * For sinks with `batchBytes`: how long to gather after a write while changes keep coming, in milliseconds; left out, long enough for
   * a few writes a second. 0: what waits is joined, and nothing waits to be joined.
   */
  readonly gatherMs?: number
  /** Reads a table back in canonical values, for `verify`; left out where a sink cannot be read. `keys` as in Source.scan. */
  scan?(table: Table, keys: readonly Row[] | null, signal: AbortSignal): AsyncIterable<readonly Row[]>
}

/** A checkpoint with the chunks that are done. */
export type SinkRecord = Checkpoint & { chunks: readonly ChunkId[] }

/** The part of the state store that is one sink's own. */
export interface SinkState {
  load(): Promise<(SinkRecord & { data: unknown }) | null>
  /**
   * One transaction: the checkpoint, the chunks newly done, and the sink's own data (JSON).
   * A chunk id that ends in `/end` replaces the ids of its generation.
   */
  save(step: SinkRecord & { data: unknown }): Promise<void>
}

/** What a sink is opened with. */
export type SinkContext = {
  pipeline: string
  /** The sink's name in its pipeline. */
  name: string
  /** Relative paths start here. */
  baseDir: string
  /** The format that `format` of this sink's configuration names (a type, or an object with `type` and options); null where it has none. */
  format: Format | null
  state: SinkState
  log: Log
  /**
   * For sinks with `hasPending`: everything given up to `position`, whatever its table, is durable and its record says so. Called as
   * it happens, and where nothing is pending any more.
   */
  durable(position: Position): void
  /** For what fails between calls (a timer's work): it ends the session as a failed `write` does. */
  failed(error: unknown): void
}

/** Structured news: an event's name and fields; no row value and no credential ever. */
export type Log = {
  debug(event: string, fields?: Record<string, unknown>): void
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
  error(event: string, fields?: Record<string, unknown>): void
}

/** Data, not code: drives start-up validation, the capability matrix and which conformance tests run. A claim is a test run. */
export type SinkCapabilities = {
  delivery: 'at-least-once' | 'exactly-once'
  /** Whether it takes a change later than its place in the log, as a dead letter that is given again; left out: only where it is at-least-once. */
  late?: boolean
  /** `changes` keeps the log and could be a source again; `tables` materialises the latest state. */
  shape: 'changes' | 'tables' | 'nothing'
  /** Whether it needs every table to have a key. */
  needsKey: boolean
  truncate: boolean
  schemaChanges: boolean
  partialUpdates: boolean
  columnar: boolean
  readable: boolean
}
