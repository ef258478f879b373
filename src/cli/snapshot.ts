import { v7 as uuidv7 } from 'uuid'
import type { Config, ConfiguredSink } from '../config/config.ts'
import { archiveTables, type ArchiveSummary } from '../core/archive.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { LOG_EVENTS } from '../telemetry/log-events.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { openDisplay, type Display } from './display.ts'
import { createLagClock } from './lag-clock.ts'
import { retryText } from './news-text.ts'
import { printJson, printLine } from './pipeline-parts.ts'
import { catchSignals } from './signals.ts'
import { archiveText } from './snapshot-text.ts'
import { openTerminal, type LogOptions, type Terminal } from './terminal.ts'

/** What `snapshot --json` prints. */
export type SnapshotReport = ArchiveSummary & { sink: string }

/** Archives the chosen tables at one point in time. Exit code 1 where a count differs or anything failed. */
export async function snapshot(options: ConfigChoice & LogOptions & { json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'snapshot')
  // Rows that a mask was to hide must not lie in an archive as they are.
  if (config.transforms.length > 0) throw new MillraceError('ARCHIVE_TRANSFORMS')
  const sink = archivingSink(config)
  const terminal = await openTerminal(options)
  const display = openDisplay(terminal, createLagClock(), { isShared: false })
  const signals = catchSignals(terminal, 'Stopping: what is not whole is removed.')
  try {
    const summary = await takeSnapshot({ config, sink, terminal, display, signal: signals.drain })
    display.end()
    tell({ ...summary, sink: sink.name }, options.json === true, terminal)
    return summary.ok ? 0 : 1
  } catch (error) {
    if (!signals.drain.aborted) throw error
    display.end()
    terminal.say('Stopped. Archives that have a catalog.json are whole; of the others nothing is kept.')
    return signals.exitCode()
  } finally {
    display.end()
    signals.release()
  }
}

type Taking = { config: Config; sink: ConfiguredSink; terminal: Terminal; display: Display; signal: AbortSignal }

async function takeSnapshot({ config, sink, terminal, display, signal }: Taking): Promise<ArchiveSummary> {
  const { definition, config: own } = config.source
  const { chunkBytes, parallel, queries } = config.snapshot
  const { openSnapshot } = definition
  if (!openSnapshot)
    throw new MillraceError('CLI_USAGE', { reason: `A ${definition.type} source has no consistent snapshots.`, command: 'snapshot' })
  const { log } = terminal
  // A wrong key or bucket is told before a row is read, not after the last one.
  await sink.definition.check(sink.config, { baseDir: config.baseDir, name: sink.name })
  await using archive = await sink.definition.openArchive!(sink.config, { baseDir: config.baseDir, name: sink.name, log }) // archivingSink chose one that has it
  return await archiveTables({
    open: (stop) => openSnapshot(own, { parallel, chunkBytes, queries, log }, stop),
    archive,
    parallel,
    newId: () => uuidv7(),
    clock: systemClock,
    date: () => new Date(),
    report: (event) => report(event, terminal, display),
    signal,
  })
}

/** The one sink that takes archives; the configuration's others have no part in a snapshot. */
function archivingSink(config: Config): ConfiguredSink {
  const able = config.sinks.filter((sink) => sink.definition.openArchive)
  const names = (sinks: readonly ConfiguredSink[]) => sinks.map((sink) => sink.name).join(', ')
  if (able.length === 1 && able[0]) return able[0]
  const reason =
    able.length === 0
      ? `None of the sinks (${names(config.sinks)}) takes archives; add one of the type parquet.`
      : `Several sinks take archives (${names(able)}); choose one by --sink.`
  throw new MillraceError('CLI_USAGE', { reason, command: 'snapshot' })
}

function report(event: PipelineEvent, terminal: Terminal, display: Display): void {
  display.on(event)
  const { event: name, ...fields } = event
  if (event.event === 'retry') {
    if (terminal.form === 'pretty') terminal.say(redactUrls(retryText(event)))
    else terminal.log[event.level](name, fields)
    return
  }
  const { level } = LOG_EVENTS[name]
  if (level !== null) terminal.log[level](name, fields)
}

function tell(report: SnapshotReport, asJson: boolean, terminal: Terminal): void {
  if (asJson) return printJson(report)
  if (terminal.form === 'json') terminal.log.info('summary', { ...report })
  // A failure is told even where nobody wants to hear of success.
  const text = archiveText(report)
  if (!terminal.quiet || !report.ok) printLine(text)
}
