import type { Config, ConfiguredSink } from '../config/config.ts'
import type { Finding } from '../contracts/definition.ts'
import type { Log } from '../contracts/sink.ts'
import { MillraceError, toMillraceError } from '../errors/millrace-error.ts'
import { sourceContext } from '../config/open-parts.ts'
import { openTransforms } from '../config/open-transforms.ts'
import { refusedTables } from '../config/refused-tables.ts'
import { checkText } from './check-text.ts'
import { checkVersions } from './check-versions.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { emptyState, openKnownState, printJson, printStyled, runningProcess } from './pipeline-parts.ts'
import { openTerminal, type LogOptions } from './terminal.ts'

/** What `check --json` prints. `ok`: no finding is an error. */
export type CheckReport = { ok: boolean; pipeline: string; findings: readonly Finding[] }

/** Connects and looks at everything a pipeline needs. Exit code 1 where any finding is an error. */
export async function check(options: ConfigChoice & LogOptions & { json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'check')
  const { log, quiet } = await openTerminal(options)
  const [source, sinks, tables] = await Promise.all([checkSource(config, log), checkSinks(config), checkTables(config, log)])
  const findings = [...source, ...sinks, ...tables, ...checkVersions(config)]
  const report: CheckReport = { ok: findings.every(({ severity }) => severity !== 'error'), pipeline: config.name, findings }
  if (options.json) printJson(report)
  else {
    const isColored = process.stdout.isTTY === true && !process.env.NO_COLOR
    printStyled(checkText(report, { isColored, isQuiet: quiet, width: widthOf(process.stdout) }))
  }
  return report.ok ? 0 : 1
}

async function checkSource(config: Config, log: Log): Promise<readonly Finding[]> {
  const state = await openKnownState(config).catch(() => null)
  try {
    return await config.source.definition.check(config.source.config, sourceContext(config, state ?? emptyState(), log))
  } catch (error) {
    return [asFinding(error, 'source', 'server')]
  } finally {
    await state?.[Symbol.asyncDispose]()
  }
}

/** What else keeps the tables from being read, the source's own check says. */
async function checkTables(config: Config, log: Log): Promise<readonly Finding[]> {
  const transforms = await openTransforms(config).catch(toMillraceError)
  if (transforms instanceof MillraceError) return [asFinding(transforms, 'transforms', 'transforms')]
  const refused = await refusedTables(config, { sinks: config.sinks, transforms }, { state: emptyState(), log }).catch(() => new Map())
  return [...refused].map(([subject, error]) => asFinding(error, subject, subject === 'transforms' ? subject : 'sinks'))
}

async function checkSinks(config: Config): Promise<readonly Finding[]> {
  const isRunning = (await runningProcess(config)) !== null
  return Promise.all(config.sinks.map((sink) => checkSink(config, sink, isRunning)))
}

async function checkSink(config: Config, sink: ConfiguredSink, isRunning: boolean): Promise<Finding> {
  const subject = `sink ${sink.name}`
  const fine = (code: string, message: string): Finding => ({ severity: 'ok', code, area: 'sinks', subject, message, hint: null })
  try {
    await sink.definition.check(sink.config, { baseDir: config.baseDir, name: sink.name })
    return fine('SINK_READY', `The sink ${sink.name} (${sink.type}) can be written.`)
  } catch (error) {
    const finding = asFinding(error, subject, 'sinks')
    // The pipeline itself holds what it writes: that is no fault.
    return isRunning && finding.code === 'SINK_LOCKED'
      ? fine('SINK_RUNNING', `The sink ${sink.name} is held by the running pipeline.`)
      : finding
  }
}

function asFinding(error: unknown, subject: string, area: NonNullable<Finding['area']>): Finding {
  const { code, message, hint } = toMillraceError(error)
  return { severity: 'error', code, area, subject, message, hint }
}

/** A terminal may say that it has no columns at all; a line of a few letters helps nobody. */
function widthOf({ columns }: { columns?: number }): number {
  return columns ? Math.max(columns, 40) : 100
}
