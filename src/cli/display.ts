import { harmless } from '../lib/harmless.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import type { createLagClock } from './lag-clock.ts'
import { progressBars } from './progress-bars.ts'
import { progressFields } from './progress-fields.ts'
import { progressLine } from './progress.ts'
import { createProgressTracker } from './progress-tracker.ts'
import type { Terminal } from './terminal.ts'

const BARS_EVERY_MS = 120
const LINE_EVERY_MS = 10_000

export type Display = { on(event: PipelineEvent): void; end(): void }

/**
 * Shows progress: bars on a terminal, a line every ten seconds otherwise, where something changed since the last.
 * `isShared`: rows of data go to the same terminal, which bars would tear. `end` may be called more than once.
 */
export function openDisplay(terminal: Terminal, clock: ReturnType<typeof createLagClock>, { isShared }: { isShared: boolean }): Display {
  if (terminal.quiet) return { on() {}, end() {} }
  const tracker = createProgressTracker({ lagSeconds: clock.lagSeconds })
  const hasBars = terminal.hasLive && !isShared
  const timer = setInterval(
    hasBars ? () => showBars(terminal, tracker) : createLines(terminal, tracker),
    hasBars ? BARS_EVERY_MS : LINE_EVERY_MS,
  )
  timer.unref()
  return {
    on: (event) => tracker.on(event),
    end() {
      clearInterval(timer)
      terminal.live('')
    },
  }
}

type Tracker = ReturnType<typeof createProgressTracker>

function showBars(terminal: Terminal, tracker: Tracker): void {
  const { columns = 80, rows = 24 } = process.stderr
  terminal.live(progressBars(tracker.view(), { columns: columns || 80, rows: rows || 24, color: terminal.color }))
}

function createLines(terminal: Terminal, tracker: Tracker): () => void {
  let last = ''
  return () => {
    const view = tracker.view()
    const { elapsedSeconds: _, ...moving } = progressFields(view)
    const text = JSON.stringify(moving)
    if (text === last) return
    last = text
    if (terminal.form === 'json') terminal.log.info('progress', progressFields(view))
    else terminal.say(harmless(progressLine(view)))
  }
}
