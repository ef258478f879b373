import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { progressBars, progressLine } from './progress.ts'
import { createProgressTracker } from './progress-tracker.ts'
import type { Terminal } from './terminal.ts'

const BARS_EVERY_MS = 250
const LINE_EVERY_MS = 10_000

/** Shows progress: bars on a terminal, a line every ten seconds otherwise. `end` may be called more than once. */
export function openDisplay(terminal: Terminal): { on(event: PipelineEvent): void; end(): void } {
  const tracker = createProgressTracker()
  if (terminal.quiet) return { on() {}, end() {} }
  const hasBars = terminal.isTerminal && terminal.form === 'pretty'
  const show = hasBars
    ? () => terminal.live(progressBars(tracker.view(), process.stderr.columns || 100))
    : () => (terminal.form === 'json' ? terminal.log.info('progress', tracker.view()) : terminal.say(progressLine(tracker.view())))
  const timer = setInterval(show, hasBars ? BARS_EVERY_MS : LINE_EVERY_MS)
  timer.unref()
  return {
    on: (event) => tracker.on(event),
    end() {
      clearInterval(timer)
      terminal.live('')
    },
  }
}
