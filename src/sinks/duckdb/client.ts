import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api'
import type * as bindings from '@duckdb/node-bindings'
import { MillraceError } from '../../errors/millrace-error.ts'
import { isLocked } from './errors.ts'

/** The only file that imports DuckDB's packages; others take what they need from here, as types. */
export type Bindings = typeof bindings
export type VectorHandle = bindings.Vector
export type TypeHandle = bindings.LogicalType
export type ChunkHandle = bindings.DataChunk
export type ResultChunk = DuckDBDataChunk

const PACKAGE = '@duckdb/node-api'
const VERSION = '1.5.5-r.5'

export type DatabaseOptions = { memoryLimit: number; threads: number; readOnly?: boolean }

/** Rows appended to one table, in chunks; durable with the transaction. */
export type Appender = { append(chunk: ChunkHandle): void; flush(): void; close(): void }

/** An open DuckDB file with the one connection that writes it. */
export class Database implements Disposable {
  readonly bindings: Bindings
  /** The name that DuckDB gave the file: every name is qualified by it, because it may equal a schema's. */
  readonly catalog: string
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection

  constructor(parts: { bindings: Bindings; instance: DuckDBInstance; connection: DuckDBConnection; catalog: string }) {
    this.bindings = parts.bindings
    this.catalog = parts.catalog
    this.#instance = parts.instance
    this.#connection = parts.connection
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql)
  }

  /** For small results; every column is text or null. */
  async texts(sql: string): Promise<(string | null)[][]> {
    const reader = await this.#connection.runAndReadAll(sql)
    return reader.getRowsJson() as (string | null)[][] // the statements given here cast every column to VARCHAR
  }

  openAppender(table: { catalog: string; schema: string; name: string }): Appender {
    const { bindings } = this
    // `connection` is private in the library's types; its appenders wrap the same handle and offer no raw chunks.
    const handle = (this.#connection as unknown as { connection: bindings.Connection }).connection
    const appender = bindings.appender_create_ext(handle, table.catalog, table.schema, table.name)
    return {
      append: (chunk) => bindings.append_data_chunk(appender, chunk),
      flush: () => bindings.appender_flush_sync(appender),
      close: () => bindings.appender_close_sync(appender),
    }
  }

  /** A result chunk by chunk, as committed at the first pull, on a connection of its own. `before` runs on it first. */
  async *stream(sql: string, before?: (reader: Database) => Promise<void>): AsyncGenerator<ResultChunk> {
    const connection = await this.#instance.connect()
    try {
      await before?.(new Database({ bindings: this.bindings, instance: this.#instance, connection, catalog: this.catalog }))
      const result = await connection.stream(sql)
      for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) yield chunk
    } finally {
      connection.closeSync()
    }
  }

  [Symbol.dispose](): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
  }
}

/** Opens or makes the file. Throws DuckDB's own errors: see errors.ts. */
export async function openDatabase(sink: string, path: string, options: DatabaseOptions): Promise<Database> {
  const { api, bindings } = await loadClient(sink)
  // From the cache: the operating system's lock does not hold within one process, where two instances of a file would ruin it.
  const instance = await api.DuckDBInstance.fromCache(path, settings(options))
  try {
    const connection = await instance.connect()
    const reader = await connection.runAndReadAll('SELECT current_database()')
    return new Database({ bindings, instance, connection, catalog: String(reader.getRowsJson()[0]?.[0]) })
  } catch (error) {
    instance.closeSync()
    throw error
  }
}

const RETRY_MS = 20

/** Opens it once no other process holds it. */
export async function openOnceFree(
  open: () => Promise<Database>,
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): Promise<Database> {
  const lastMs = performance.now() + patienceMs
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!isLocked(error) || performance.now() >= lastMs || signal.aborted) throw error
      await pause(RETRY_MS)
    }
  }
}

/**
 * Checkpoints are rare because each rewrites what the log touched (DuckDB's default of 16 MB costs a factor of 2 to 5 in
 * large tables), and not rarer than memory allows: what is not checkpointed stays in memory several times over, beside what
 * `memory_limit` counts. Measured, 1 M inserts and updates: 32 MB holds 80 MB less than 128 MB, for the same CPU time; random
 * updates among 5 M rows cost 8 % more.
 */
function settings({ memoryLimit, threads, readOnly }: DatabaseOptions): Record<string, string> {
  return {
    memory_limit: `${memoryLimit}B`,
    threads: String(threads),
    checkpoint_threshold: `${Math.min(256 * 1024 ** 2, Math.floor(memoryLimit / 6))}B`,
    preserve_insertion_order: 'false',
    access_mode: readOnly ? 'READ_ONLY' : 'AUTOMATIC',
  }
}

async function loadClient(sink: string): Promise<{ api: typeof import('@duckdb/node-api'); bindings: Bindings }> {
  try {
    const api = await import('@duckdb/node-api')
    const require = createRequire(import.meta.url)
    // The bindings are the library's own dependency, not ours: found from where it lies.
    const nested = createRequire(require.resolve(PACKAGE))
    return { api, bindings: nested('@duckdb/node-bindings') as Bindings }
  } catch (error) {
    throw new MillraceError('SINK_CLIENT_MISSING', { sink, package: PACKAGE, version: VERSION }, { cause: error })
  }
}
