import type { PipelineSummary } from '../core/pipeline.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'

const ENDS: Record<PipelineSummary['end'], string> = {
  'caught-up': 'Caught up',
  drained: 'Stopped; everything taken is durable',
  aborted: 'Cut short; the next run reads again what was not durable',
}

/** The last lines of a run, for people. */
export function summaryText(summary: PipelineSummary): string {
  const { end, rows, changes, bytes, seconds, position } = summary
  const rate = seconds > 0 ? ` (${formatCount((rows + changes) / seconds)}/s)` : ''
  const work = `${formatCount(rows)} rows copied, ${formatCount(changes)} changes followed, ${formatBytes(bytes)} in ${formatDuration(seconds * 1000)}${rate}`
  return `${ENDS[end]}: ${work}${position === null ? '' : `; durable up to ${position}`}.`
}
