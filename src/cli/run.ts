import type { Config } from '../config/config.ts'
import { openPipeline } from '../config/open-pipeline.ts'
import type { Log } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { LOG_EVENTS } from '../telemetry/log-events.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { createLagClock } from './lag-clock.ts'
import { openDisplay, type Display } from './display.ts'
import { printJson, runningProcess } from './pipeline-parts.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { retryText } from './news-text.ts'
import { slotWaitText } from './progress.ts'
import { parsePosition } from './position-text.ts'
import { createHandlers } from './run-handlers.ts'
import { catchSignals } from './signals.ts'
import { formatCount } from '../lib/units.ts'
import { dropCommand, retentionText } from './slot-warning.ts'
import { sinkPlaces } from './sink-places.ts'
import { summaryText, type RunReport } from './summary-text.ts'
import { openTerminal, type LogOptions, type Terminal } from './terminal.ts'

/** What even `--quiet` says at the end. */
const WORTH_TELLING_QUIET_BYTES = 1024 ** 3
const JSON_AND_ROWS = '--json prints the summary on standard output, where a stdout sink writes its rows; leave one of them out.'

export type RunOptions = ConfigChoice &
  LogOptions & { mode?: 'both' | 'snapshot' | 'stream'; until?: string; repair?: boolean; wait?: boolean; json?: boolean }

/** Runs a pipeline until it is stopped or done. Exit code 0 when drained or done, 130 or 143 when it was cut short. */
export async function run(options: RunOptions): Promise<number> {
  const { sink: only = [], ...choice } = options
  await assertUsage(options)
  const config = await chosenConfig(choice, 'run')
  const until =
    options.until === undefined ? null : options.until === 'caught-up' ? options.until : { position: parsePosition(options.until) }
  const terminal = await openTerminal(options)
  const clock = createLagClock()
  const hasStdout = config.sinks.some((sink) => sink.type === 'stdout' && (only.length === 0 || only.includes(sink.name)))
  if (options.json && hasStdout) throw new MillraceError('CLI_USAGE', { reason: JSON_AND_ROWS, command: 'run' })
  const display = openDisplay(terminal, clock, { isShared: hasStdout && process.stdout.isTTY })
  const signals = catchSignals(terminal)
  const retrying = new Set<string>()
  try {
    const other = options.wait ? await runningProcess(config) : null
    if (other !== null) {
      terminal.log.info('standing-by', { pipeline: config.name, pid: other })
      if (terminal.isTerminal) terminal.say(`Standing by for process ${other}, which runs ${config.name}.`)
    }
    const summary = await openPipeline(config, signals.drain, {
      ...(options.mode === undefined ? {} : { mode: options.mode }),
      until,
      only,
      repair: options.repair === true,
      wait: options.wait === true,
      log: terminal.form === 'pretty' ? withoutRetries(terminal.log) : terminal.log,
      waitingText: slotWaitText,
      abort: signals.abort,
      report(event) {
        clock.on(event)
        report(event, { terminal, display, retrying })
      },
      handlers: createHandlers(config, clock),
      onSource: warnOnce(config, options, terminal),
    })
    display.end()
    tellEnd({ ...summary, pipeline: config.name, sinks: sinkPlaces(config, only, summary.example) }, { config, options, terminal })
    return summary.end === 'aborted' ? signals.exitCode() : 0
  } catch (error) {
    // Stopped while it stood by for another process: nothing was begun.
    if (signals.drain.aborted && (error as Error).name === 'AbortError') return 0
    throw error
  } finally {
    display.end()
    signals.release()
  }
}

async function assertUsage(options: RunOptions): Promise<void> {
  if ((options.sink ?? []).length > 0) await chosenConfig(options, 'run') // names that are not there
  if ((options.sink ?? []).length > 0 && options.repair)
    throw new MillraceError('CLI_USAGE', { reason: '--repair is for all sinks; leave --sink out.', command: 'run' })
}

/** For people they are told from the pipeline's news, as sentences. */
function withoutRetries(log: Log): Log {
  const unlessRetry = (tell: Log['info']) => (event: string, fields?: Record<string, unknown>) => {
    if (event !== 'retry') tell(event, fields)
  }
  return { debug: log.debug, info: unlessRetry(log.info), warn: unlessRetry(log.warn), error: unlessRetry(log.error) }
}

function tellRetries(event: PipelineEvent, terminal: Terminal, retrying: Set<string>): void {
  if (event.event === 'retry') {
    if (!event.isAside) retrying.add(event.part)
    if (terminal.form === 'pretty' && !(terminal.quiet && event.level === 'info')) terminal.write(`${redactUrls(retryText(event))}\n`)
  }
  if (event.event !== 'started' || retrying.size === 0) return
  const parts = [...retrying].join(', ')
  retrying.clear()
  if (terminal.form === 'json') terminal.log.info('reached-again', { parts })
  else terminal.say(`${parts}: reached again; going on from ${event.from}.`)
}

type Telling = { terminal: Terminal; display: Display; retrying: Set<string> }

function report(event: PipelineEvent, { terminal, display, retrying }: Telling): void {
  tellRetries(event, terminal, retrying)
  display.on(event)
  const { event: name, ...fields } = event
  const { level } = LOG_EVENTS[name]
  if (event.event === 'warning') terminal.log.warn(event.code, { message: event.message, ...event.fields })
  else if (level !== null) terminal.log[isRepeated(event) ? 'debug' : level](name, fields)
  const line = terminal.isTerminal ? milestone(event) : null
  if (line !== null) terminal.say(line)
}

/** A wait is news at its begin and every ten seconds. */
function isRepeated(event: PipelineEvent): boolean {
  if (event.event !== 'waiting') return false
  const seconds = Math.floor(event.waitedMs / 1000)
  return seconds > 1 && seconds % 10 !== 0
}

/** What stays on a terminal of the way there, once the bars are gone. */
function milestone(event: PipelineEvent): string | null {
  if (event.event === 'started') return `${event.tables} tables into ${event.sinks.join(', ')}, from ${event.from} on.`
  if (event.event === 'snapshot-done') return `Every table is copied, after ${event.seconds.toFixed(1)} s; following changes.`
  return null
}

/** At the start: says how much log the slot kept while nobody read it. */
function warnOnce(config: Config, options: RunOptions, terminal: Terminal): (source: Source) => Promise<void> {
  let isTold = false
  return async (source) => {
    if (isTold) return
    isTold = true
    const health = await source.health().catch(() => null) // the pipeline meets the same error itself, and retries
    const text = health && retentionText(config, health)
    if (health && text && !health.active)
      terminal.log.warn('LOG_RETAINED', { message: text, retainedBytes: health.retainedBytes, drop: dropCommand(options) })
  }
}

function tellEnd(report: RunReport, at: { config: Config; options: RunOptions; terminal: Terminal }): void {
  const { config, options, terminal } = at
  terminal.say(summaryText(report, terminal.color))
  if (terminal.form === 'json') terminal.log.info('summary', { ...report })
  if (options.json) printJson(report)
  if (report.deadLetters > 0)
    terminal.log.warn('DEAD_LETTERS', {
      message: `${formatCount(report.deadLetters)} changes lie aside, refused by a sink. See \`millrace dlq list\`.`,
    })
  const { health } = report
  if (!health || health.state === 'missing') return
  if (terminal.quiet && (health.retainedBytes ?? 0) <= WORTH_TELLING_QUIET_BYTES) return
  const cost = `The slot of ${config.name} keeps the database's log from now on, until the next run.`
  const remedy = `To remove it: ${dropCommand(options)}`
  if (terminal.form === 'json') terminal.log.warn('LOG_RETAINED', { message: `${cost} ${remedy}`, retainedBytes: health.retainedBytes })
  else terminal.write(`${cost}\n${remedy}\n`)
}
