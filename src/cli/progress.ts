import type { Holder } from '../contracts/source.ts'
import type { WaitingEvent } from '../telemetry/pipeline-event.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'

/** What a pipeline shows of itself while it runs. */
export type ProgressView = {
  elapsedMs: number
  tables: readonly TableProgress[]
  /** Transactions that a snapshot waits for. */
  waitingFor: readonly Holder[]
  /** What the pipeline waits for before it can begin to read. */
  slotWait: Pick<WaitingEvent, 'what' | 'waitedMs' | 'holders' | 'pid'> | null
  /** Changes of the stream since the start; bytes of them and of copied rows. */
  changes: number
  bytes: number
  /** Per second, lately. */
  changeRate: number
  sinks: readonly { name: string; lagBytes: number | null }[]
}

export type TableProgress = {
  table: string
  state: 'waiting' | 'copying' | 'done'
  rows: number
  rowEstimate: number
  bytes: number
  chunksDone: number
  chunksPlanned: number
  rowRate: number
}

const SHOWN = 16
const BAR = 20

/** A few lines for a terminal: a bar for each table that is copied, what is waited for, and the stream. */
export function progressBars(view: ProgressView, columns: number): string {
  const open = view.tables.filter((table) => table.state !== 'done')
  const done = view.tables.length - open.length
  const width = Math.max(20, columns - 1)
  const lines = open.slice(0, SHOWN).map((table) => tableBar(table, width))
  const say = (text: string) => lines.push(...wrap(text, width - 2).map((line) => `  ${line}`))
  if (open.length > SHOWN) say(`… and ${open.length - SHOWN} tables more`)
  if (view.tables.length > 0) say(`${done} of ${view.tables.length} tables copied, ${formatCount(totalRows(view))} rows`)
  for (const holder of view.waitingFor.slice(0, 3)) say(waitText(holder))
  if (view.slotWait) say(slotWaitText(view.slotWait))
  say(streamText(view))
  return lines.map((line) => `${line}\n`).join('')
}

/** The same in one line, for logs. */
export function progressLine(view: ProgressView): string {
  const open = view.tables.filter((table) => table.state !== 'done')
  const copying = open.slice(0, 4).map((table) => `${table.table} ${percent(table)} %`)
  const parts = [
    formatDuration(view.elapsedMs),
    ...(open.length > 0
      ? [`copying ${view.tables.length - open.length}/${view.tables.length} tables (${copying.join(', ')}${open.length > 4 ? ', …' : ''})`]
      : []),
    `${formatCount(totalRows(view))} rows copied`,
    streamText(view),
    ...view.waitingFor.slice(0, 1).map(waitText),
    ...(view.slotWait ? [slotWaitText(view.slotWait)] : []),
  ]
  return parts.join(' · ')
}

/** `waits for process 4711, whose transaction is open for 2 m 3 s (idle in transaction)` */
export function waitText(holder: Holder): string {
  return `the snapshot waits for ${holderText(holder)}`
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

function holderText(holder: Holder): string {
  const who = holder.pid === null ? `a prepared transaction (xid ${holder.xid})` : `process ${holder.pid}`
  return `${who}, open for ${formatDuration(holder.ageMs)} (${holder.state})`
}

/** A text on as many lines as it takes: nothing is cut in the middle of a word, unless it alone is too long. */
function wrap(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > columns) lines.push(word.slice(0, columns))
    else lines[lines.length - 1] = `${line}${line ? ' ' : ''}${word}`.slice(0, columns)
  }
  return lines
}

/** One line: what does not fit is left out whole, the least telling first. */
function tableBar(table: TableProgress, columns: number): string {
  const width = columns < 100 ? BAR / 2 : BAR
  const filled = Math.round((percent(table) / 100) * width)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
  const start = `  ${table.table.padEnd(28)} ${bar} ${String(percent(table)).padStart(3)} %`
  const chunks = `chunk ${table.chunksDone}/${table.chunksPlanned}`
  const figures = [`${formatCount(table.rows)} rows`, formatBytes(table.bytes), `${formatCount(table.rowRate)} rows/s`, chunks]
  let line = start.length <= columns ? start : `  ${table.table.slice(0, columns - 9)} ${percent(table)} %`
  for (const figure of table.state === 'waiting' ? ['not begun'] : figures)
    if (line.length + 2 + figure.length <= columns) line += `  ${figure}`
  return line
}

/** By chunks, as row counts are the planner's estimates. */
function percent(table: TableProgress): number {
  if (table.state === 'done') return 100
  return table.chunksPlanned === 0 ? 0 : Math.min(99, Math.floor((table.chunksDone / table.chunksPlanned) * 100))
}

function streamText(view: ProgressView): string {
  const lags = view.sinks.filter((sink) => sink.lagBytes !== null).map((sink) => `${sink.name} ${formatBytes(sink.lagBytes ?? 0)} behind`)
  const parts = [`${formatCount(view.changes)} changes followed`, `${formatCount(view.changeRate)}/s`, formatBytes(view.bytes), ...lags]
  return parts.join(', ')
}

function totalRows(view: ProgressView): number {
  return view.tables.reduce((sum, table) => sum + table.rows, 0)
}
