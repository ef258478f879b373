import type { Position } from '../contracts/position.ts'
import type { Holder } from '../contracts/source.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { bytesBetween } from './position-text.ts'
import type { ProgressView, TableProgress } from './progress.ts'

const SILENCE_MS = 3000

/** A copy that is begun again counts anew. */
const NOTHING = { state: 'waiting', rows: 0, rowEstimate: 0, bytes: 0, chunksDone: 0, chunksPlanned: 0, rowRate: 0 } as const

type Table = TableProgress & { sinceMs: number }

/** Follows a pipeline's news into what is shown of it. */
export function createProgressTracker(now: () => number = () => performance.now()) {
  const startedMs = now()
  const tables = new Map<string, Table>()
  let waiting: { table: string; holders: readonly Holder[] } | null = null
  let slotWait: ProgressView['slotWait'] = null
  let stream = { changes: 0, bytes: 0, rate: 0, atMs: startedMs, sinks: [] as ProgressView['sinks'] }

  const tableOf = (name: string): Table => {
    const known = tables.get(name)
    if (known) return known
    const table: Table = { ...NOTHING, table: name, sinceMs: now() }
    tables.set(name, table)
    return table
  }

  function onChunk(event: PipelineEvent & { event: 'snapshot-chunk' }): void {
    if (waiting?.table === event.table) waiting = null
    const table = tableOf(event.table)
    if (table.state === 'waiting') table.sinceMs = Math.min(table.sinceMs, now())
    const { rows, bytes, chunksDone, chunksPlanned } = event
    const rowRate = rows / Math.max(0.001, (now() - table.sinceMs) / 1000)
    Object.assign(table, { state: 'copying', rows, bytes, chunksDone, chunksPlanned, rowRate })
  }

  function onProgress(event: PipelineEvent & { event: 'progress' }): void {
    const seconds = Math.max(0.001, (now() - stream.atMs) / 1000)
    const changes = event.changes
    const rate = Math.max(0, (changes - stream.changes) / seconds)
    const sinks = event.sinks.map((sink) => ({ name: sink.name, lagBytes: lagBytes(sink, event.head) }))
    stream = { changes, bytes: event.bytes, rate, atMs: now(), sinks }
  }

  return {
    on(event: PipelineEvent): void {
      if (event.event === 'snapshot-planned')
        Object.assign(tableOf(event.table), { ...NOTHING, chunksPlanned: event.chunks, rowEstimate: event.rowEstimate, sinceMs: now() })
      if (event.event === 'snapshot-waiting') waiting = event.holders.length > 0 ? event : null
      if (event.event === 'waiting') slotWait = event
      else if (event.event === 'started' || event.event === 'retry') slotWait = null
      if (event.event === 'snapshot-chunk') onChunk(event)
      if (event.event === 'snapshot-table-done')
        Object.assign(tableOf(event.table), { state: 'done', rows: event.rows, bytes: event.bytes })
      if (event.event === 'progress') onProgress(event)
    },
    view(): ProgressView {
      return {
        elapsedMs: Math.round(now() - startedMs),
        tables: [...tables.values()],
        waitingFor: waiting?.holders ?? [],
        slotWait,
        changes: stream.changes,
        bytes: stream.bytes,
        // News come while something moves: after a silence nothing does.
        changeRate: now() - stream.atMs > SILENCE_MS ? 0 : stream.rate,
        sinks: stream.sinks,
      }
    },
  }
}

/** Against the log's end as the server says it; where nothing was there to write, a sink need not hold anything to be level. */
export function lagBytes({ durable, passed }: { durable: Position | null; passed: Position | null }, head: Position | null): number | null {
  if (durable === null || head === null) return null
  const reached = passed !== null && passed > durable ? passed : durable
  return reached >= head ? 0 : bytesBetween(reached, head)
}
