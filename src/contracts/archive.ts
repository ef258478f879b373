import type { RowsBatch } from './batch.ts'
import type { Position } from './position.ts'
import type { Log } from './sink.ts'
import type { Table } from './table.ts'

/**
 * A source's tables at one point in time, read in parallel. Nothing is written to the source, no slot and no publication.
 *
 * Promises, in order of danger:
 * 1. Every row that `read` and `count` see belongs to one snapshot: of all tables, whatever is written meanwhile.
 * 2. No table changes its storage or its shape while this is open (others' DDL waits); where that cannot be held, `assertHeld` throws.
 * 3. A snapshot that is lost (a connection, a restart) throws a transient error; it cannot be gone on with.
 */
export interface ConsistentSnapshot extends AsyncDisposable {
  /** The place in the log: nothing committed after it is in the snapshot. */
  readonly position: Position
  readonly tables: readonly SnapshotTable[]
  /** Tables that were chosen and cannot be read, with the reason. */
  readonly refused: readonly RefusedTable[]
  /** The rows of a table in this snapshot, counted by the source itself. */
  count(table: SnapshotTable, signal: AbortSignal): Promise<number>
  /** The rows of one chunk, in pieces as they come. A piece is good until the next is asked for. */
  read(table: SnapshotTable, chunk: SnapshotChunk, signal: AbortSignal): AsyncIterable<ArchiveRows>
  /** Throws where promise 2 may not have held until now. */
  assertHeld(): Promise<void>
}

export type RefusedTable = { schema: string; name: string; error: Error }

export type SnapshotTable = {
  table: Table
  chunks: readonly SnapshotChunk[]
  /** The source's own. */
  what: unknown
}

/** A part of a table that is read at once; `what` is the source's own, `rowEstimate` for progress. */
export type SnapshotChunk = { what: unknown; rowEstimate: number }

export type ArchiveRows = Pick<RowsBatch, 'table' | 'rowCount' | 'bytes' | 'rows' | 'columns'>

/** What a consistent snapshot is opened with. */
export type SnapshotContext = {
  /** How many chunks are read at once. */
  parallel: number
  chunkBytes: number
  /** SQL by `schema.table`: what is read instead of the table of that name, where there is one. */
  queries: Readonly<Record<string, string>>
  log: Log
}

/** Where archives are kept: one folder a table, in it one folder a snapshot with part files and, last, `catalog.json`. */
export interface Archive extends AsyncDisposable {
  /** How the names of its parts end, e.g. `.parquet`. */
  readonly ending: string
  /** Begins the archive of one table in the snapshot `id`. Nothing is made before the first row or `finish`. */
  begin(table: Table, id: string): Promise<ArchiveWriter>
  /** Every archive under its path: those with a catalog and those that were cut short. */
  list(signal: AbortSignal): AsyncIterable<ArchiveFolder>
  /** Reads one file of a folder whole, to its last byte. */
  inspect(folder: ArchiveFolder, file: string, signal: AbortSignal): Promise<InspectedPart>
}

/**
 * One table's archive in the making. Until `seal` nothing there looks complete: a folder without a catalog is none.
 * `write` may be called again before an earlier call resolved; rows have no order in an archive.
 */
export interface ArchiveWriter {
  /** Where it lies, as a user would name it. */
  readonly path: string
  /** What the files hold, column by column. */
  readonly schema: readonly CatalogColumn[]
  write(rows: ArchiveRows, signal: AbortSignal): Promise<void>
  /** Closes the parts, at least one; resolves once they are durable. */
  finish(): Promise<readonly CatalogFile[]>
  /** Writes the catalog: whole or not at all, durable when it resolves. */
  seal(catalog: Catalog): Promise<void>
  /** Removes whatever was made. A catalog may be sealed after it: one that tells of a failure. */
  discard(): Promise<void>
  /** How to look at it, for people; null where there is nothing to say. */
  readonly example: string | null
}

/** `catalog.json`. The first seven fields are as turbolytics/librarian writes them. */
export type Catalog = {
  /** UUIDv7; the same for all tables of one snapshot. */
  id: string
  /** When the snapshot was taken, ISO 8601: the time its rows are of. */
  start_time: string
  end_time: string
  /** `schema.table` */
  source: string
  /** Counted by the source in the same snapshot; null where that failed. */
  num_source_records: number | null
  num_records_processed: number
  /** Whether both counts are equal and nothing failed. */
  success: boolean
  /** Why not; only where `success` is false. */
  error?: { code: string; message: string }
  schema: readonly CatalogColumn[]
  files: readonly CatalogFile[]
  position: Position | null
}

export type CatalogColumn = {
  name: string
  /** In the source's words, e.g. `numeric(10,2)`. */
  type: string
  nullable: boolean
  /** In the file's words, e.g. `optional fixed_len_byte_array(5) price (DECIMAL(10,2))`. */
  stored: string
}

export type CatalogFile = { name: string; rows: number; bytes: number; sha256: string }

export type ArchiveFolder = {
  /** As a user would name it. */
  path: string
  /** The text of its catalog; null where it has none. */
  catalog: string | null
  /** The names of all other files, in order. */
  files: readonly string[]
}

/** `schema` is null where the file cannot be read as what its name says; `reason` then says why. */
export type InspectedPart = { bytes: number; sha256: string } & (
  | { schema: readonly string[]; rows: number }
  | { schema: null; reason: string }
)
