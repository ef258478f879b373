import type { Config } from '../config/config.ts'
import { readPhase } from '../config/note-phase.ts'
import type { Log } from '../contracts/sink.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { openKnownState, printJson, printLine, runningProcess } from './pipeline-parts.ts'
import { askRunning } from './requests.ts'
import { dropCommand } from './slot-warning.ts'
import { statusFromOutside, type StatusReport } from './status-report.ts'
import { openTerminal, type LogOptions } from './terminal.ts'
import { toMillraceError } from '../errors/millrace-error.ts'

/** Long enough for a busy process, short enough for someone who waits. */
const ANSWER_MS = 5000

/** Prints what is known of a pipeline. Exit code 1 where the source cannot be reached. */
export async function status(options: ConfigChoice & LogOptions & { json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'status')
  const { log } = await openTerminal(options)
  const report = await readStatus(config, { log, drop: dropCommand(options) })
  if (options.json) printJson(report)
  else printReport(report)
  return report.source.error ? 1 : 0
}

/** The running process knows most; where it does not answer, state and source are read from outside. */
async function readStatus(config: Config, options: { log: Log; drop: string }): Promise<StatusReport> {
  const pid = await runningProcess(config)
  // While it opens, waits or retries it has nothing open to answer from: what it wrote down says what it is at.
  if (pid === null || !(await isFollowing(config))) return statusFromOutside(config, { ...options, pid })
  try {
    return (await askRunning(config, { kind: 'status', args: null, timeoutMs: ANSWER_MS })) as StatusReport // what run-handlers.ts answers
  } catch (error) {
    const report = await statusFromOutside(config, { ...options, pid })
    return { ...report, warnings: [...report.warnings, toMillraceError(error).message] }
  }
}

async function isFollowing(config: Config): Promise<boolean> {
  await using state = await openKnownState(config)
  const noted = state && (await readPhase(state))
  return noted === null || noted.phase === 'following'
}

/** `making the slot waits for process 4711, open for 2 m (since 40 s)` */
export function phaseText(phase: NonNullable<StatusReport['phase']>, nowMs: number): string {
  const since = `for ${formatDuration(Math.max(0, nowMs - phase.sinceMs))}`
  if (phase.phase === 'opening') return `opening, ${since}`
  if (phase.phase === 'waiting') return phase.text
  return `retrying ${phase.part} ${since} (${phase.attempt} times): ${phase.message} [${phase.code}]`
}

function printReport(report: StatusReport): void {
  const { source, sinks, tables, warnings } = report
  printLine(`${report.pipeline}: ${report.pid === null ? 'not running' : `running, process ${report.pid}`}`)
  if (report.phase) printLine(phaseText(report.phase, Date.now()))
  printLine(
    `source ${source.type}: ${source.error ? source.error.message : `log ends at ${source.head}, acknowledged ${source.acknowledged ?? 'nothing'}`}`,
  )
  if (source.slot) {
    const { state, active, retainedBytes, safeBytes } = source.slot
    const safe = safeBytes === null ? '' : `, ${formatBytes(safeBytes)} until it is dropped`
    printLine(
      `slot: ${state}, ${active ? 'read' : 'not read'}, retains ${retainedBytes === null ? 'nothing' : formatBytes(retainedBytes)}${safe}`,
    )
  }
  for (const sink of sinks)
    printLine(
      `sink ${sink.name} (${sink.type}): ${sink.position === null ? 'holds nothing' : `durable up to ${sink.position}`}${lagText(sink)}${asideText(sink)}`,
    )
  for (const { table, snapshot } of tables)
    printLine(`table ${table}: ${snapshot === 'unknown' ? 'how far its copy is, only a process that follows can say' : snapshot}`)
  if (report.deadLetters > 0) printLine(`dead letters: ${formatCount(report.deadLetters)}; see \`millrace dlq list\``)
  for (const warning of warnings) printLine(`WARNING: ${warning}`)
}

/** `; set aside, 3 MB on disk: The endpoint … gets no answer` */
function asideText({ state, spooledBytes, error }: StatusReport['sinks'][number]): string {
  if (state === null || state === 'direct') return ''
  const words = { spooling: 'set aside', stopped: 'stopped', full: 'set aside, its disk space is used up', paused: 'set aside and paused' }
  return `; ${words[state]}, ${formatBytes(spooledBytes ?? 0)} on disk${error ? `: ${error.message} [${error.code}]` : ''}`
}

function lagText(sink: StatusReport['sinks'][number]): string {
  const bytes = sink.lagBytes === null ? '' : `, ${formatBytes(sink.lagBytes)} behind`
  return `${bytes}${sink.lagSeconds === null ? '' : ` (${formatDuration(sink.lagSeconds * 1000)})`}`
}
