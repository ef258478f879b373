import type { Config, ConfiguredSink } from '../config/config.ts'
import type { Finding } from '../contracts/definition.ts'
import type { Log } from '../contracts/sink.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { sourceContext } from '../config/open-parts.ts'
import { refusedTables } from '../config/refused-tables.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { emptyState, openKnownState, printJson, printLine, runningProcess } from './pipeline-parts.ts'
import { openTerminal, type LogOptions } from './terminal.ts'

/** What `check --json` prints. */
export type CheckReport = { ok: boolean; findings: readonly Finding[] }

/** Connects and looks at everything a pipeline needs. Exit code 1 where any finding is an error. */
export async function check(options: ConfigChoice & LogOptions & { json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'check')
  const { log } = await openTerminal(options)
  const isRunning = (await runningProcess(config)) !== null
  const findings = [
    ...(await checkSource(config, log)),
    ...(await Promise.all(config.sinks.map((sink) => checkSink(config, sink, isRunning)))),
    ...(await checkTables(config, log)),
  ]
  const report: CheckReport = { ok: findings.every((finding) => finding.severity !== 'error'), findings }
  if (options.json) printJson(report)
  else printReport(report)
  return report.ok ? 0 : 1
}

async function checkSource(config: Config, log: Log): Promise<readonly Finding[]> {
  const state = await openKnownState(config).catch(() => null)
  try {
    return await config.source.definition.check(config.source.config, sourceContext(config, state ?? emptyState(), log))
  } catch (error) {
    return [asFinding(error, 'source')]
  } finally {
    await state?.[Symbol.asyncDispose]()
  }
}

/** What else keeps the tables from being read, the source's own check says. */
async function checkTables(config: Config, log: Log): Promise<readonly Finding[]> {
  const refused = await refusedTables(config, config.sinks, { state: emptyState(), log }).catch(() => new Map())
  return [...refused].map(([sink, error]) => asFinding(error, `sink ${sink}`))
}

async function checkSink(config: Config, sink: ConfiguredSink, isRunning: boolean): Promise<Finding> {
  const subject = `sink ${sink.name}`
  try {
    await sink.definition.check(sink.config, { baseDir: config.baseDir, name: sink.name })
    return { severity: 'ok', code: 'SINK_READY', subject, message: `The sink ${sink.name} (${sink.type}) can be written.`, hint: null }
  } catch (error) {
    const finding = asFinding(error, subject)
    // The pipeline itself holds what it writes: that is no fault.
    if (isRunning && finding.code === 'SINK_LOCKED')
      return {
        severity: 'ok',
        code: 'SINK_RUNNING',
        subject,
        message: `The sink ${sink.name} is held by the running pipeline.`,
        hint: null,
      }
    return finding
  }
}

function asFinding(error: unknown, subject: string): Finding {
  const { code, message, hint } = toMillraceError(error)
  return { severity: 'error', code, subject, message, hint }
}

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Whether a message says of itself what it is about. */
function namesSubject(message: string, subject: string): boolean {
  return message.toLowerCase().includes(subject.toLowerCase())
}

const MARKS: Record<Finding['severity'], string> = { ok: 'ok     ', info: 'info   ', warning: 'WARNING', error: 'ERROR  ' }

function printReport(report: CheckReport): void {
  for (const { severity, subject, message, hint, code } of report.findings) {
    printLine(
      `${MARKS[severity]}  ${namesSubject(message, subject) ? '' : `${subject}: `}${message}${severity === 'error' || severity === 'warning' ? ` [${code}]` : ''}`,
    )
    if (hint) printLine(`         ${hint}`)
  }
  const count = (severity: Finding['severity']) => report.findings.filter((finding) => finding.severity === severity).length
  const warnings = counted(count('warning'), 'warning')
  printLine(report.ok ? `Ready (${warnings}).` : `Not ready: ${counted(count('error'), 'error')}, ${warnings}.`)
}
