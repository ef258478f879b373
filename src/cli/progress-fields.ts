import type { MetricValues } from '../telemetry/metrics.ts'
import { byProgress, percent, waitTexts, type ProgressView } from './progress.ts'

/** What the log line `progress` holds: the numbers, the tables under way (16 at most) and what is waited for. */
export type ProgressFields = MetricValues & { copying: Readonly<Record<string, string>>; waits: readonly string[] }

const NAMED = 16

export function progressFields(view: ProgressView): ProgressFields {
  const { copy, sinks } = view
  const open = byProgress(view.tables.filter((table) => table.state !== 'done')).slice(0, NAMED)
  return {
    elapsedSeconds: round(view.elapsedMs / 1000),
    tablesCopied: copy.done,
    tablesToCopy: copy.tables - copy.done,
    rowsCopied: copy.rows,
    bytesCopied: copy.bytes,
    rowsPerSecond: round(copy.rowRate),
    copySecondsLeft: copy.done === copy.tables ? 0 : copy.leftMs === null ? null : round(copy.leftMs / 1000),
    changes: view.changes,
    changesPerSecond: round(view.changeRate),
    sinkLagBytes: Object.fromEntries(sinks.map(({ name, lagBytes }) => [name, lagBytes])),
    sinkLagSeconds: Object.fromEntries(sinks.map(({ name, lagSeconds }) => [name, lagSeconds === null ? null : round(lagSeconds)])),
    copying: Object.fromEntries(open.map((table) => [table.table, `${percent(table)} %`])),
    waits: waitTexts(view),
  }
}

/** One decimal is what a reader of logs needs. */
function round(value: number): number {
  return Math.round(value * 10) / 10
}
