import { styleText } from 'node:util'
import type { PipelineSummary } from '../core/pipeline.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'
import type { SinkPlace } from './sink-places.ts'

/** What `run --json` prints, and the log line `summary` holds. */
export type RunReport = PipelineSummary & { pipeline: string; sinks: readonly SinkPlace[] }

const ENDS: Record<PipelineSummary['end'], string> = {
  'caught-up': 'Caught up',
  drained: 'Stopped; everything taken is durable',
  aborted: 'Cut short; the next run reads again what was not durable',
}

const KINDS: Record<keyof PipelineSummary['operations'], [one: string, many: string]> = {
  insert: ['insert', 'inserts'],
  update: ['update', 'updates'],
  delete: ['delete', 'deletes'],
  truncate: ['truncate', 'truncates'],
  message: ['message', 'messages'],
}

/** The last lines of a run, for people: what was moved, how fast, where it lies and how to look at it. */
export function summaryText(report: RunReport, color: boolean): string {
  const bold = (text: string) => (color ? styleText('bold', text, { validateStream: false }) : text)
  const dim = (text: string) => (color ? styleText('dim', text, { validateStream: false }) : text)
  const moved = `${formatCount(report.rows)} rows copied, ${formatCount(report.changes)} changes followed in ${formatDuration(report.seconds * 1000)}`
  const upTo = report.position === null ? '' : `; durable up to ${report.position}`
  const facts = [...copiedFact(report), ...followedFact(report)]
  const places = report.sinks.filter((sink) => sink.where !== null)
  const width = Math.max(...[...facts, ...places.map(({ name }) => [name])].map(([label = '']) => label.length)) + 2
  const label = (text: string) => dim(text.padEnd(width))
  const details = [
    ...facts.map(([name, text]) => `  ${label(name)}${text}`),
    ...places.flatMap(({ name, where, query }) => [`  ${label(name)}${where}`, `  ${label('')}${dim('$')} ${query}`]),
  ]
  return [`${bold(ENDS[report.end])}: ${moved}${upTo}.`, ...(details.length > 0 ? ['', ...details, ''] : [])].join('\n')
}

function copiedFact({ rows, tables, copyBytes, copySeconds }: PipelineSummary): [string, string][] {
  if (tables === 0) return []
  const what = `${formatCount(rows)} rows of ${counted(tables, ['table', 'tables'])}`
  return [['copied', `${what}, ${formatBytes(copyBytes)} in ${formatDuration(copySeconds * 1000)}${rateText(rows, copySeconds, 'rows')}`]]
}

function followedFact({ changes, operations, bytes, copyBytes, seconds }: PipelineSummary): [string, string][] {
  if (changes === 0) return []
  const kinds = Object.entries(KINDS)
    .map(([kind, words]) => ({ count: operations[kind as keyof typeof KINDS], words })) // its own keys
    .filter(({ count }) => count > 0)
    .map(({ count, words }) => counted(count, words))
  return [['followed', `${kinds.join(', ')}; ${formatBytes(bytes - copyBytes)}${rateText(changes, seconds, 'changes')}`]]
}

function counted(count: number, [one, many]: readonly [string, string]): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

function rateText(count: number, seconds: number, what: string): string {
  return seconds > 0 ? ` (${formatCount(count / seconds)} ${what}/s)` : ''
}
