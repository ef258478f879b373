import type { ChangesBatch, ControlBatch, RowsBatch } from './batch.ts'
import type { ChunkId, Position, TransactionId } from './position.ts'
import type { Row, Table } from './table.ts'

/**
 * Where changes come from.
 *
 * Promises, in order of danger:
 * 1. Every committed change of the pipeline's tables after `from` is yielded once per read, in commit order.
 * 2. A position handed to `acknowledge` may be forgotten by the server; nothing else may.
 * 3. It reads no further ahead than the consumer pulls, but for one batch.
 * 4. Status goes out on a timer of its own: a slow consumer never costs the connection.
 * 5. It does not retry: a broken connection throws a transient error out of `read`.
 */
export interface Source extends AsyncDisposable {
  /**
   * What the log says of itself now, before anything is made or read: what `decideResume` compares.
   * `followed`: the timeline that was followed before, where one is remembered.
   */
  inspect(followed?: number): Promise<LogState>
  /**
   * Makes what reading needs (a slot); called once, where `decideResume` says `start`.
   * `running`: transactions that may have committed before `position` and not be visible yet (snapshots.md, point 1).
   */
  begin(): Promise<{ position: Position; running: readonly TransactionId[] }>
  /** Removes what `begin` made (the slot): for repair and `drop`. */
  end(): Promise<void>
  /** The tables of the pipeline as they are now. */
  tables(): Promise<readonly Table[]>
  /** Changes and controls from just after `from`. Ends when `signal` aborts; throws when the connection breaks. */
  read(from: Position, signal: AbortSignal): AsyncIterable<ChangesBatch | SourceControl>
  /** Called only with positions that every sink holds durably. Sent at once or with the next status. */
  acknowledge(position: Position): void
  /** The end of the log now. Everything committed before the call lies before it. */
  head(): Promise<Position>
  /** Asks the server to say how far it has come, so that an idle stream passes `position` soon. Cheap; may be called often. */
  nudge(position: Position, waitedMs: number): void
  readonly snapshots: SnapshotReader
  /** Whether tables now in the pipeline differ from `known`: those that joined, ready to be read (see `joined`), and those that left. Called every few seconds. */
  discover(known: readonly Table[]): Promise<{ joined: readonly Table[]; left: readonly Table[] }>
  /** Rows for `verify`: in chunks of one consistent snapshot; `keys` restricts to these keys (rows with the key columns filled). */
  scan(table: Table, keys: readonly Row[] | null, signal: AbortSignal): AsyncIterable<readonly Row[]>
  /** Facts for `status`: the retained log in bytes and its health. */
  health(): Promise<LogHealth>
}

/** Controls that a source yields: without what the core fills in. `reread`: stored rows changed without a word in the log. */
export type SourceControl = Extract<ControlBatch, { event: 'schema' | 'table-dropped' }> & { reread?: boolean }

export type LogState = {
  /** The server's own identity (Postgres: system identifier) and its timeline. */
  system: string
  timeline: number
  /** Where each earlier timeline that this one came from ended; looked up only where it is not the one followed. */
  ended: readonly { timeline: number; at: Position }[]
  /** The end of the log now. */
  head: Position
  /** The server's memory of us (a slot); null where there is none. */
  reader: { confirmed: Position; lost: boolean; ours: boolean } | null
}

export type LogHealth = {
  /** Bytes of log that the server keeps for us; null where there is no slot. */
  retainedBytes: number | null
  /** Bytes until the server drops us; null where unbounded or unknown. */
  safeBytes: number | null
  active: boolean
  /** The server's process that reads it for us or others, where that is known. */
  readerPid?: number | null
  state: 'ok' | 'extended' | 'unreserved' | 'lost' | 'missing'
}

/** Whether a transaction is visible to one snapshot of the server. */
export interface Visibility {
  sees(xid: TransactionId): boolean
}

/** Reads chunks on connections of its own, concurrently with the stream and with other chunks. */
export interface SnapshotReader {
  /** Transactions in progress now that hold an id. */
  running(): Promise<readonly TransactionId[]>
  /** A fresh snapshot. */
  visibility(): Promise<Visibility>
  /** Who keeps these transactions open, for progress: process ids, ages, never their statements. */
  holders(xids: readonly TransactionId[]): Promise<readonly Holder[]>
  /** Cuts a table into chunks of about `chunkBytes`; a keyless table is one chunk. */
  plan(table: Table, options: { generation: string; chunkBytes: number }): Promise<readonly Chunk[]>
  /** A chunk of these keys (rows with the key columns filled), for rows the block ranges missed. */
  keyChunk(table: Table, keys: readonly Row[], id: ChunkId): Chunk
  /**
   * Reads one chunk. `onVisibility` is called as soon as the chunk's snapshot is known, before its rows are read.
   * Resolves to null where the table's storage changed since the plan: the caller plans again.
   */
  read(chunk: Chunk, onVisibility: (visibility: Visibility) => void, signal: AbortSignal): Promise<ChunkRead | null>
  /** Reads a keyless table whole, in one snapshot, in pieces as they come. */
  readWhole(chunk: Chunk, onVisibility: (visibility: Visibility) => void, signal: AbortSignal): AsyncIterable<ChunkRows>
}

export type Holder = { xid: TransactionId; pid: number | null; ageMs: number; state: string }

/** `predicate` and `storage` are the source's own; both survive a restart as JSON. */
export type Chunk = {
  id: ChunkId
  table: { schema: string; name: string; id: number }
  /** The storage read from: a leaf of a partitioned table, or the table itself. */
  leaf: string
  predicate: unknown
  /** An estimate, for progress. */
  rowEstimate: number
}

/** `high`: once the stream has passed it, every change visible to the chunk has been delivered. */
export type ChunkRead = { rows: ChunkRows; high: Position }

/** A chunk's rows before they are placed in the log. `key(i)` equals `createKeyOf(table)` of row i. */
export type ChunkRows = Pick<RowsBatch, 'table' | 'rowCount' | 'bytes' | 'rows' | 'columns'> & {
  key(index: number): string
  /** The rows whose byte in `keep` is 1, in order. */
  filter(keep: Uint8Array): ChunkRows
}
