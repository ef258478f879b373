import type { PipelineEvent } from './pipeline-event.ts'

type LogEvent = { level: 'debug' | 'info' | 'warn' | 'error' | null; meaning: string }

/** How a run's news appear in its log. `level` null: not as such. */
export const LOG_EVENTS: Record<PipelineEvent['event'], LogEvent> = {
  started: { level: 'info', meaning: 'Source and sinks are open; reading begins at `from`.' },
  'tables-joined': { level: 'info', meaning: 'Tables that the configuration matches appeared; they are copied now.' },
  'tables-left': { level: 'info', meaning: 'Tables are gone, or no longer matched.' },
  'snapshot-planned': { level: 'info', meaning: "A table's copy begins, or goes on." },
  'snapshot-waiting': { level: 'info', meaning: "A table's copy waits for transactions of others; `holders` says which." },
  'snapshot-chunk': { level: 'debug', meaning: 'A chunk was copied. Counts are totals of the table.' },
  'snapshot-table-done': { level: 'info', meaning: 'A table is copied.' },
  'snapshot-done': { level: 'info', meaning: 'Every table is copied.' },
  progress: { level: null, meaning: 'Once a second while something moves: what the line `progress` is made of.' },
  settled: { level: 'debug', meaning: 'The source may forget what lies before `position`: every sink holds it.' },
  'caught-up': { level: 'info', meaning: 'Every sink has reached what `--until` or `--mode snapshot` asks for.' },
  waiting: { level: 'info', meaning: 'The source cannot be read yet: its slot waits for transactions, or another process reads it.' },
  retry: { level: null, meaning: 'A part failed and is tried again; told as `retry` at the level of its own field.' },
  warning: { level: 'warn', meaning: 'Something needs attention; told under its `code`.' },
  draining: { level: 'info', meaning: 'The run was asked to end: what was taken is made durable.' },
  stopped: { level: 'info', meaning: 'The run is over; `health` is what the source keeps for the next.' },
}
