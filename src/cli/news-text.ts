import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { formatDuration } from '../lib/units.ts'

/** `source: The connection was lost (…); trying again in 0.6 s (4th time)` */
export function retryText({ part, attempt, delayMs, message }: PipelineEvent & { event: 'retry' }): string {
  return `${part}: ${harmlessLines(message).replace(/\.$/, '')}; trying again in ${formatDelay(delayMs)} (${ordinal(attempt)} time)`
}

/** A log line's fields for people: its message where it has one, else the fields as words. */
export function fieldsText(event: string, fields: Record<string, unknown>): string {
  const { message, ...others } = fields
  if (typeof message === 'string') return message
  const words = Object.entries(others).map(([key, value]) => `${key} ${fieldText(value)}`)
  return [event, ...(words.length > 0 ? [words.join(', ')] : [])].join(': ')
}

function fieldText(value: unknown): string {
  if (Array.isArray(value)) return value.map(fieldText).join(' ')
  if (value === null || typeof value !== 'object') return String(value)
  const { code, message } = value as { code?: unknown; message?: unknown }
  if (message !== undefined) return `${code === undefined ? '' : `${String(code)} `}${String(message)}`
  return Object.entries(value)
    .map(([key, field]) => `${key} ${fieldText(field)}`)
    .join(' ')
}

function formatDelay(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms)
}

function ordinal(count: number): string {
  const ends: Record<number, string> = { 1: 'st', 2: 'nd', 3: 'rd' }
  const isTeen = count % 100 >= 11 && count % 100 <= 13
  return `${count}${isTeen ? 'th' : (ends[count % 10] ?? 'th')}`
}
