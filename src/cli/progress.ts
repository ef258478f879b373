import type { Holder } from '../contracts/source.ts'
import type { WaitingEvent } from '../telemetry/pipeline-event.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'

/** What a pipeline shows of itself while it runs. Rates are per second, lately. */
export type ProgressView = {
  elapsedMs: number
  /** `opening` source and sinks; `archiving` tables, where no log is followed; else `following` it, copying or not. */
  stage: 'opening' | 'archiving' | 'following'
  tables: readonly TableProgress[]
  copy: CopyProgress
  /** Transactions that a snapshot waits for. */
  waitingFor: readonly Holder[]
  /** What the pipeline waits for before it can begin to read. */
  slotWait: Pick<WaitingEvent, 'what' | 'waitedMs' | 'holders' | 'pid'> | null
  /** Changes of the log since the start. */
  changes: number
  changeRate: number
  sinks: readonly SinkProgress[]
}

/** `leftMs`: until it is copied, as far as that can be said. */
export type TableProgress = {
  table: string
  state: 'waiting' | 'copying' | 'done'
  rows: number
  rowEstimate: number
  bytes: number
  chunksDone: number
  chunksPlanned: number
  rowRate: number
  leftMs: number | null
}

/** All tables together. */
export type CopyProgress = { tables: number; done: number; rows: number; bytes: number; rowRate: number; leftMs: number | null }

/** How far a sink is from the log's end; null where that is not known. */
export type SinkProgress = { name: string; lagBytes: number | null; lagSeconds: number | null }

/** How many tables a line names. */
const NAMED = 4

/** One line, for logs. */
export function progressLine(view: ProgressView): string {
  const { copy } = view
  const isCopying = copy.done < copy.tables
  const open = view.tables.filter((table) => table.state !== 'done')
  const named = byProgress(open)
    .slice(0, NAMED)
    .map((table) => `${table.table} ${percent(table)} %`)
  const parts = [
    formatDuration(view.elapsedMs),
    ...(isCopying
      ? [`copying ${copy.done}/${copy.tables} tables (${named.join(', ')}${open.length > NAMED ? ', …' : ''})`, ...copyFigures(copy)]
      : copy.tables > 0
        ? [`${formatCount(copy.rows)} rows copied`]
        : []),
    ...streamFigures(view),
    ...waitTexts(view).slice(0, 2),
  ]
  return parts.join(' · ')
}

/** Those under way first. */
export function byProgress(tables: readonly TableProgress[]): readonly TableProgress[] {
  return [...tables.filter((table) => table.state === 'copying'), ...tables.filter((table) => table.state !== 'copying')]
}

/** By chunks, as row counts are the planner's estimates; a table that is copied in one chunk by these. */
export function percent(table: TableProgress): number {
  if (table.state === 'done') return 100
  const [done, all] = table.chunksPlanned === 1 ? [table.rows, table.rowEstimate] : [table.chunksDone, table.chunksPlanned]
  return all <= 0 ? 0 : Math.min(99, Math.floor((done / all) * 100))
}

export function copyFigures({ rows, bytes, rowRate, leftMs }: CopyProgress): string[] {
  const left = leftMs === null ? [] : [leftText(leftMs)]
  return [`${formatCount(rows)} rows`, formatBytes(bytes), `${formatCount(rowRate)} rows/s`, ...left]
}

export function leftText(leftMs: number): string {
  return `${formatDuration(Math.max(1000, Math.round(leftMs / 1000) * 1000)).replace('.0 s', ' s')} left`
}

/** `1 142 changes followed`, `350/s`, and how far each sink is behind; nothing where no log is followed. */
export function streamFigures({ stage, changes, changeRate, sinks }: ProgressView): string[] {
  if (stage === 'opening') return ['opening source and sinks']
  if (stage === 'archiving') return []
  return [`${formatCount(changes)} changes followed`, ...(changes > 0 ? [`${formatCount(changeRate)}/s`] : []), ...sinks.map(lagText)]
}

function lagText({ name, lagBytes, lagSeconds }: SinkProgress): string {
  if (lagBytes === null) return `${name} not begun`
  if (lagBytes === 0) return `${name} level with the log`
  return `${name} ${formatBytes(lagBytes)} behind${lagSeconds === null ? '' : ` (${formatDuration(lagSeconds * 1000)})`}`
}

/** What is waited for, one text each. */
export function waitTexts({ waitingFor, slotWait }: Pick<ProgressView, 'waitingFor' | 'slotWait'>): string[] {
  return [
    ...waitingFor.slice(0, 3).map((holder) => `the snapshot waits for ${holderText(holder)}`),
    ...(slotWait ? [slotWaitText(slotWait)] : []),
  ]
}

/** What the pipeline waits for before it can begin to read. */
export function slotWaitText({ what, waitedMs, holders, pid }: NonNullable<ProgressView['slotWait']>): string {
  const since = `for ${formatDuration(waitedMs)}`
  if (what === 'slot-read') return `the slot is read by process ${pid ?? '(unknown)'}; waiting ${since} for it to end`
  const [oldest] = holders.toSorted((a, b) => b.ageMs - a.ageMs)
  if (!oldest) return `making the slot, ${since}`
  const others = holders.length > 1 ? ` and ${holders.length - 1} more` : ''
  return `making the slot waits for ${holderText(oldest)}${others}`
}

/** `process 4711, open for 2 m 3 s (idle in transaction)` */
function holderText(holder: Holder): string {
  const who = holder.pid === null ? `a prepared transaction (xid ${holder.xid})` : `process ${holder.pid}`
  return `${who}, open for ${formatDuration(holder.ageMs)} (${holder.state})`
}
