import type {
  Archive,
  ArchiveWriter,
  Catalog,
  CatalogFile,
  ConsistentSnapshot,
  SnapshotChunk,
  SnapshotTable,
} from '../contracts/archive.ts'
import { tableName } from '../contracts/table.ts'
import { MillraceError, toMillraceError } from '../errors/millrace-error.ts'
import type { SnapshotEvent } from '../telemetry/pipeline-event.ts'
import { inPart, PartFailure } from './run-failure.ts'

/** What became of one table. `path` is null where nothing was made of it. */
export type ArchivedTable = { path: string | null; example: string | null; catalog: Catalog }

export type TableArchive = {
  readonly name: string
  /** The pieces of work that are left, in any order and at once; each resolves to whether it was the last. */
  readonly jobs: readonly (() => Promise<boolean>)[]
  /** Call once, after the last job: closes the parts, compares the counts, writes the catalog. */
  finish(): Promise<ArchivedTable>
  readonly isFinished: boolean
  /** Removes whatever was made. */
  discard(): Promise<void>
}

export type TableArchiveOptions = {
  snapshot: ConsistentSnapshot
  archive: Archive
  id: string
  startedAt: string
  now(): Date
  report(event: SnapshotEvent): void
  signal: AbortSignal
}

/**
 * One table on its way into its archive. An error of the table ends its own work only; a lost source (`PartFailure` of a
 * transient kind) is thrown: all that belongs to the snapshot is lost with it.
 */
export function archiveTable(planned: SnapshotTable, options: TableArchiveOptions): TableArchive {
  const { snapshot, archive, id, signal, report } = options
  const name = tableName(planned.table)
  const chunksPlanned = planned.chunks.length
  let left = chunksPlanned + 1
  let writer: Promise<ArchiveWriter> | null = null
  let counted: number | null = null
  let rows = 0
  let bytes = 0
  let chunksDone = 0
  let failure: MillraceError | null = null
  let isFinished = false

  const begin = () => (writer ??= archive.begin(planned.table, id))

  async function count(): Promise<void> {
    counted = await inPart('source', () => snapshot.count(planned, signal))
  }

  async function copy(chunk: SnapshotChunk): Promise<void> {
    const to = await begin()
    const pieces = snapshot.read(planned, chunk, signal)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const piece = await inPart('source', () => pieces.next())
        if (piece.done) break
        await to.write(piece.value, signal)
        rows += piece.value.rowCount
        bytes += piece.value.bytes
        report({ event: 'snapshot-chunk', table: name, rows, bytes, chunksDone, chunksPlanned })
      }
    } finally {
      await pieces.return?.()
    }
    report({ event: 'snapshot-chunk', table: name, rows, bytes, chunksDone: ++chunksDone, chunksPlanned })
  }

  async function work(job: () => Promise<void>): Promise<boolean> {
    signal.throwIfAborted()
    try {
      if (failure === null) await job()
    } catch (error) {
      signal.throwIfAborted()
      const failed = error instanceof PartFailure ? error.error : toMillraceError(error)
      if (error instanceof PartFailure && failed.kind === 'transient') throw error
      failure ??= failed
    }
    return --left === 0
  }

  async function finish(): Promise<ArchivedTable> {
    signal.throwIfAborted()
    // Only under the locks until here do the rows belong to the snapshot.
    await inPart('source', () => snapshot.assertHeld())
    const to = await begin().catch(fail)
    const files = to === null ? [] : await close(to)
    const sealed = describe(to, files)
    const isSealed = to !== null && (await to.seal(sealed).then(() => true, fail))
    report({ event: 'snapshot-table-done', table: name, rows, bytes })
    isFinished = true
    // What kept the catalog from being written stands in no catalog.
    const catalog = isSealed ? sealed : describe(to, files)
    return { path: isSealed ? to.path : null, example: catalog.success ? (to?.example ?? null) : null, catalog }
  }

  /** Of a table that failed no part is kept: a reader of the folder would take them for the whole. */
  async function close(to: ArchiveWriter): Promise<readonly CatalogFile[]> {
    const files = failure === null ? await to.finish().catch(fail) : null
    if (files === null) {
      await to.discard().catch(fail)
      return []
    }
    if (counted !== rows)
      failure = new MillraceError('ARCHIVE_COUNTS_DIFFER', { table: name, processed: rows, counted: counted ?? 'nothing' })
    return files
  }

  /** The first failure is the one that is told. */
  function fail(error: unknown): null {
    failure ??= toMillraceError(error)
    return null
  }

  function describe(to: ArchiveWriter | null, files: readonly CatalogFile[]): Catalog {
    return {
      id,
      start_time: options.startedAt,
      end_time: options.now().toISOString(),
      source: name,
      num_source_records: counted,
      num_records_processed: rows,
      success: failure === null,
      ...(failure ? { error: { code: failure.code, message: failure.message } } : {}),
      schema: to?.schema ?? [],
      files,
      position: snapshot.position,
    }
  }

  return {
    name,
    jobs: [count, ...planned.chunks.map((chunk) => () => copy(chunk))].map((job) => () => work(job)),
    finish,
    get isFinished() {
      return isFinished
    },
    async discard() {
      await (await writer)?.discard()
    },
  }
}
