import type { Position } from '../contracts/position.ts'
import type { Holder } from '../contracts/source.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { bytesBetween } from './position-text.ts'
import type { CopyProgress, ProgressView, TableProgress } from './progress.ts'
import { createRateMeter, type RateMeter } from './progress-rate.ts'

type Table = Omit<TableProgress, 'rowRate' | 'leftMs'> & { plannedMs: number; rowMeter: RateMeter; chunkMeter: RateMeter }
type Options = { now?: () => number; lagSeconds?: (durable: Position | null) => number | null }

/** Follows a pipeline's news into what is shown of it. `lagSeconds`: how long ago a sink that is not level was. */
export function createProgressTracker({ now = () => performance.now(), lagSeconds = () => null }: Options = {}) {
  const startedMs = now()
  const tables = new Map<string, Table>()
  const chunkMeter = createRateMeter(now)
  const rowMeter = createRateMeter(now)
  const changeMeter = createRateMeter(now)
  let waiting: { table: string; holders: readonly Holder[] } | null = null
  let slotWait: ProgressView['slotWait'] = null
  let stage: ProgressView['stage'] = 'opening'
  let stream: PipelineEvent & { event: 'progress' } = NOTHING
  /** Chunks and rows that were handed out, of all tables together: only ever grows. */
  let [chunks, rows] = [0, 0]
  /** When the last chunk of any table was handed out: the next table's turn. */
  let chunkAtMs = startedMs

  function onPlanned({ table, ...plan }: PipelineEvent & { event: 'snapshot-planned' }): void {
    const { rows: rowsDone, bytes, rowEstimate, chunksDone, chunks: chunksPlanned } = plan
    const atMs = now()
    tables.set(table, {
      table,
      state: 'waiting',
      plannedMs: atMs,
      rows: rowsDone,
      rowEstimate,
      bytes,
      chunksDone,
      chunksPlanned,
      ...metersOf(plan, atMs),
    })
  }

  function metersOf(done: { rows: number; chunksDone: number }, atMs: number): Pick<Table, 'rowMeter' | 'chunkMeter'> {
    return {
      rowMeter: createRateMeter(now, { value: done.rows, atMs }),
      chunkMeter: createRateMeter(now, { value: done.chunksDone, atMs }),
    }
  }

  function onChunk(event: PipelineEvent & { event: 'snapshot-chunk' }): void {
    if (waiting?.table === event.table) waiting = null
    const table = tables.get(event.table)
    if (!table) return
    chunkMeter.add((chunks += Math.max(0, event.chunksDone - table.chunksDone)))
    rowMeter.add((rows += Math.max(0, event.rows - table.rows)))
    const { event: _, ...counts } = event
    // A table that waited for its turn was not slow meanwhile.
    if (table.state === 'waiting') Object.assign(table, metersOf(table, Math.max(table.plannedMs, chunkAtMs)))
    chunkAtMs = now()
    Object.assign(table, counts, { state: 'copying' })
    table.rowMeter.add(event.rows)
    table.chunkMeter.add(event.chunksDone)
  }

  function viewOf({ rowMeter: ownRows, chunkMeter: ownChunks, plannedMs: _, ...table }: Table): TableProgress {
    const rowRate = ownRows.perSecond()
    const leftRows = Math.max(0, table.rowEstimate - table.rows)
    const leftMs = table.chunksPlanned === 1 ? timeFor(leftRows, rowRate) : timeFor(leftChunks(table), ownChunks.perSecond())
    return { ...table, rowRate, leftMs: table.state === 'copying' ? leftMs : null }
  }

  function copyView(): CopyProgress {
    const all = [...tables.values()]
    const open = all.filter((table) => table.state !== 'done')
    const left = open.reduce((sum, table) => sum + leftChunks(table), 0)
    return {
      tables: all.length,
      done: all.length - open.length,
      rows: all.reduce((sum, table) => sum + table.rows, 0),
      bytes: all.reduce((sum, table) => sum + table.bytes, 0),
      rowRate: rowMeter.perSecond(),
      leftMs: timeFor(left, chunkMeter.perSecond()),
    }
  }

  return {
    on(event: PipelineEvent): void {
      if (event.event === 'snapshot-planned') onPlanned(event)
      if (event.event === 'snapshot-waiting') waiting = event.holders.length > 0 ? event : null
      if (event.event === 'waiting') slotWait = event
      else if (event.event === 'started' || event.event === 'retry') slotWait = null
      stage = stageAfter(stage, event)
      if (event.event === 'snapshot-chunk') onChunk(event)
      const done = event.event === 'snapshot-table-done' ? tables.get(event.table) : undefined
      if (done && event.event === 'snapshot-table-done') Object.assign(done, { state: 'done', rows: event.rows, bytes: event.bytes })
      if (event.event === 'tables-left') for (const table of event.tables) tables.delete(table)
      if (event.event !== 'progress') return
      stream = event
      changeMeter.add(event.changes)
    },
    view(): ProgressView {
      return {
        elapsedMs: Math.round(now() - startedMs),
        stage,
        tables: [...tables.values()].map(viewOf),
        copy: copyView(),
        waitingFor: waiting?.holders ?? [],
        slotWait,
        changes: stream.changes,
        changeRate: changeMeter.perSecond(),
        sinks: stream.sinks.map((sink) => {
          const bytes = lagBytes(sink, stream.head)
          return { name: sink.name, lagBytes: bytes, lagSeconds: bytes === 0 ? 0 : bytes === null ? null : lagSeconds(sink.durable) }
        }),
      }
    },
  }
}

const NOTHING: PipelineEvent & { event: 'progress' } = {
  event: 'progress',
  changes: 0,
  rows: 0,
  bytes: 0,
  position: null,
  head: null,
  commitTimeUs: null,
  sinks: [],
}

function stageAfter(stage: ProgressView['stage'], { event }: PipelineEvent): ProgressView['stage'] {
  if (event === 'started') return 'following'
  if (event === 'retry') return 'opening'
  // Where a log is followed, `started` comes right after the first plans; where none is, it never comes.
  return event === 'snapshot-planned' && stage === 'opening' ? 'archiving' : stage
}

function leftChunks(table: Pick<Table, 'chunksPlanned' | 'chunksDone'>): number {
  return Math.max(0, table.chunksPlanned - table.chunksDone)
}

function timeFor(left: number, perSecond: number): number | null {
  return perSecond > 0 && left > 0 ? (left / perSecond) * 1000 : null
}

/** Against the log's end as the server says it; where nothing was there to write, a sink need not hold anything to be level. */
export function lagBytes({ durable, passed }: { durable: Position | null; passed: Position | null }, head: Position | null): number | null {
  if (durable === null || head === null) return null
  const reached = passed !== null && passed > durable ? passed : durable
  return reached >= head ? 0 : bytesBetween(reached, head)
}
