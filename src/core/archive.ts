import type { Archive, ConsistentSnapshot, SnapshotChunk } from '../contracts/archive.ts'
import type { Position } from '../contracts/position.ts'
import { tableName } from '../contracts/table.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { archiveRefusal } from './archive-refusal.ts'
import { archiveTable, type ArchivedTable } from './archive-table.ts'
import type { Clock } from './clock.ts'
import { PartFailure } from './run-failure.ts'

export type ArchiveOptions = {
  /** Takes a new snapshot of the source. */
  open(signal: AbortSignal): Promise<ConsistentSnapshot>
  archive: Archive
  parallel: number
  newId(): string
  clock: Clock
  date(): Date
  report(event: PipelineEvent): void
  signal: AbortSignal
}

export type ArchiveSummary = {
  ok: boolean
  id: string
  position: Position
  tables: readonly ArchivedTable[]
  rows: number
  /** Of the part files. */
  bytes: number
  seconds: number
  /** How many snapshots it took: a lost one is taken again once. */
  attempts: number
}

const ATTEMPTS = 2
/** How long a source that cannot be reached is asked again, at the start and after a loss. */
const PATIENCE_MS = 10_000
const ASK_AGAIN_MS = 500

/**
 * Archives every table of one snapshot. A table that fails does not stop the others. A lost snapshot cannot be gone on with:
 * everything made in it is removed, those tables too that were whole, and another is taken, once.
 */
export async function archiveTables(options: ArchiveOptions): Promise<ArchiveSummary> {
  const begun = options.clock.now()
  for (let attempt = 1; ; attempt++) {
    await using snapshot = await openPatiently(options)
    try {
      const done = await archiveSnapshot(snapshot, options)
      const seconds = (options.clock.now() - begun) / 1000
      options.report({ event: 'snapshot-done', seconds })
      return { ...done, ...totals(done.tables), seconds, attempts: attempt }
    } catch (error) {
      options.signal.throwIfAborted()
      if (!(error instanceof PartFailure)) throw error
      if (error.error.kind !== 'transient' || attempt === ATTEMPTS) throw error.error
      const { code, message } = error.error
      options.report({ event: 'retry', level: 'warn', part: 'source', attempt, delayMs: 0, code, message })
    }
  }
}

async function openPatiently({ open, report, clock, signal }: ArchiveOptions): Promise<ConsistentSnapshot> {
  const giveUpAt = clock.now() + PATIENCE_MS
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(signal)
    } catch (error) {
      signal.throwIfAborted()
      const { kind, code, message } = toMillraceError(error)
      if (kind !== 'transient' || clock.now() > giveUpAt) throw error
      report({ event: 'retry', level: 'info', part: 'source', attempt, delayMs: ASK_AGAIN_MS, code, message })
      await clock.sleep(ASK_AGAIN_MS, signal)
    }
  }
}

async function archiveSnapshot(
  snapshot: ConsistentSnapshot,
  options: ArchiveOptions,
): Promise<Pick<ArchiveSummary, 'id' | 'position' | 'tables'>> {
  const { archive, report, parallel } = options
  const id = options.newId()
  const startedAt = options.date().toISOString()
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const tables = snapshot.tables.map((planned) =>
    archiveTable(planned, { snapshot, archive, id, startedAt, now: options.date, report, signal }),
  )
  for (const { table, chunks } of snapshot.tables) report(plannedEvent(tableName(table), chunks))
  const done: ArchivedTable[] = []
  const queue = tables.flatMap((table) => table.jobs.map((job) => ({ table, job })))
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) if (await next.job()) done.push(await next.table.finish())
  }
  const lanes = Array.from({ length: parallel }, lane)
  try {
    await Promise.all(lanes)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(lanes)
    // Stopped by somebody, tables that are whole stay so. In a lost snapshot none is of any use: another is taken.
    await Promise.allSettled(tables.filter((table) => !options.signal.aborted || !table.isFinished).map((table) => table.discard()))
    throw error
  }
  for (const refused of snapshot.refused)
    done.push(await archiveRefusal(refused, { archive, id, startedAt, now: options.date, position: snapshot.position }))
  return { id, position: snapshot.position, tables: done.sort((one, other) => (one.catalog.source < other.catalog.source ? -1 : 1)) }
}

function plannedEvent(table: string, chunks: readonly SnapshotChunk[]): PipelineEvent {
  const rowEstimate = chunks.reduce((sum, chunk) => sum + chunk.rowEstimate, 0)
  return { event: 'snapshot-planned', table, chunks: chunks.length, chunksDone: 0, rowEstimate, rows: 0, bytes: 0 }
}

function totals(tables: readonly ArchivedTable[]): Pick<ArchiveSummary, 'ok' | 'rows' | 'bytes'> {
  const catalogs = tables.map(({ catalog }) => catalog)
  return {
    ok: catalogs.every((catalog) => catalog.success),
    rows: catalogs.reduce((sum, catalog) => sum + catalog.num_records_processed, 0),
    bytes: catalogs.reduce((sum, catalog) => sum + catalog.files.reduce((all, file) => all + file.bytes, 0), 0),
  }
}
