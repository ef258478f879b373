import type { FileBytes } from '../../codecs/parquet/read-file.ts'

/**
 * Where files lie: a local folder, or a prefix in a bucket. Paths are relative, with `/`.
 *
 * A file is there whole or not at all: its name appears by one act, after everything in it is durable, and only where no file
 * has that name yet.
 */
export interface Store extends AsyncDisposable {
  /** As a user would name it. */
  readonly place: string
  /** Removes what an earlier process began in a folder and never finished; before anything is written there. */
  sweep(folder: string): Promise<void>
  /** Whether one can write there, found by doing it. Leaves nothing behind. */
  check(): Promise<void>
  /** Nothing is made before its first bytes. */
  create(path: string): StoreFile
  /** The names of the files directly in a folder that sort after `after`, in order; of a folder that is not there, none. */
  list(folder: string, after?: string): Promise<readonly string[]>
  /** The names of the folders directly in a folder. */
  folders(folder: string): Promise<readonly string[]>
  open(path: string): Promise<FileBytes & AsyncDisposable>
  /** Those that are not there are none of our business. */
  remove(paths: readonly string[]): Promise<void>
  /** Durable when it resolves. A file of the new name is replaced. */
  move(from: string, to: string): Promise<void>
}

export type StoreFile = {
  /** Bytes that it keeps in memory. */
  readonly heldBytes: number
  append(pieces: readonly Uint8Array[]): Promise<void>
  /** Afterwards it is visible and durable. `metadata`: kept with it where the store has a place for that. SINK_SECOND_WRITER where the name is taken. */
  commit(metadata: Record<string, string>): Promise<void>
  /** Leaves nothing behind, as far as that can be done. */
  abandon(): Promise<void>
}
