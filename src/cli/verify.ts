import type { Config } from '../config/config.ts'
import { openSource, sinkContext } from '../config/open-parts.ts'
import type { Log, Sink } from '../contracts/sink.ts'
import type { TableVerdict } from '../core/verify.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { formatCount } from '../lib/units.ts'
import { lockPipeline } from '../state/sqlite/lock-pipeline.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { emptyState, openKnownState, printJson, printLine, runningProcess } from './pipeline-parts.ts'
import { askRunning } from './requests.ts'
import { openTerminal, type LogOptions } from './terminal.ts'
import { isEqual, verifySinks, type VerifyReport, type VerifyRequest } from './verify-sinks.ts'

/** Longer than any comparison takes; a process that died meanwhile is noticed at once. */
const VERIFY_TIMEOUT_MS = 6 * 3_600_000

/** Compares source and sinks. Exit code 1 where anything differs. */
export async function verify(options: ConfigChoice & LogOptions & { table: readonly string[]; json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'verify')
  assertReadable(config, options.sink ?? [])
  const request = { tables: options.table, sinks: config.sinks.map((sink) => sink.name) }
  const isRunning = (await runningProcess(config)) !== null
  const report = isRunning
    ? ((await askRunning(config, { kind: 'verify', args: request, timeoutMs: VERIFY_TIMEOUT_MS })) as VerifyReport)
    : await verifyAlone(config, request, (await openTerminal(options)).log)
  if (options.json) printJson(report)
  else printReport(report)
  return report.ok ? 0 : 1
}

/** A sink asked for by name must be one that can be read. */
function assertReadable(config: Config, asked: readonly string[]): void {
  const blind = config.sinks.find((sink) => asked.includes(sink.name) && !sink.definition.capabilities.readable)
  if (blind) throw new MillraceError('SINK_UNREADABLE', { sink: blind.name, type: blind.type })
}

/** While no pipeline runs: opens the source and the sinks that can be read, by itself. */
async function verifyAlone(config: Config, request: VerifyRequest, log: Log): Promise<VerifyReport> {
  const state = await openKnownState(config)
  await using _ = { [Symbol.asyncDispose]: async () => state?.[Symbol.asyncDispose]() }
  // Held, so that no run begins to write what is being read here.
  await using _lock = state ? await lockPipeline(config.state, { pipeline: config.name }) : { [Symbol.asyncDispose]: async () => {} }
  await using source = await openSource(config, state ?? emptyState(), log)
  const sinks: { name: string; sink: Sink | null }[] = []
  try {
    for (const sink of config.sinks) {
      const isReadable = sink.definition.capabilities.readable
      const sinkState = state?.sink(sink.name) ?? { load: async () => null, save: async () => {} }
      const context = sinkContext(config, sink, { state: sinkState, log, durable: () => {} })
      sinks.push({ name: sink.name, sink: isReadable ? await sink.definition.open(sink.config, context) : null })
    }
    const side = { pipeline: config.name, live: false, source, sinks, passed: async () => {} }
    return await verifySinks(side, request, new AbortController().signal)
  } finally {
    for (const { sink } of sinks) await sink?.[Symbol.asyncDispose]()
  }
}

function printReport(report: VerifyReport): void {
  const isOne = report.sinks.length === 1
  for (const { sink, tables } of report.sinks) for (const verdict of tables) printVerdict(isOne ? '' : `${sink} `, verdict)
  for (const name of report.unreadable) printLine(`${name}: cannot be read back, not compared`)
  if (report.ok) return printLine(`verified: source = sink (${report.tables} tables, ${report.rows} rows)`)
  const verdicts = report.sinks.flatMap((sink) => sink.tables)
  const differing = verdicts.filter((verdict) => verdict.differing.length > 0).length
  if (differing > 0) printLine(`DIFFERENT: ${differing} of ${verdicts.length} tables differ`)
  else printLine('NOT SETTLED: some keys changed at every look; run verify again when less is written')
  if (!report.live && differing > 0) printLine('The pipeline does not run: what was written since it stopped counts as a difference.')
}

const LISTED = 20

function printVerdict(prefix: string, verdict: TableVerdict): void {
  const { table, rows, differing, more, unsettled } = verdict
  if (isEqual(verdict)) return printLine(`${prefix}${table}  OK  ${formatCount(rows.source)} rows`)
  const count = `${differing.length}${more ? ' or more' : ''}`
  printLine(
    `${prefix}${table}  ${differing.length > 0 ? `DIFFERS in ${count} keys` : 'not settled'}  source ${rows.source} rows, sink ${rows.sink} rows`,
  )
  for (const { key, what } of differing.slice(0, LISTED)) printLine(`  ${what.padEnd(9)}  ${keyText(key)}`)
  if (differing.length > LISTED) printLine(`  … and ${differing.length - LISTED}${more ? ' or more' : ''} others (--json lists up to 1000)`)
  if (unsettled > 0) printLine(`  ${unsettled} keys changed at every look`)
}

function keyText(key: Record<string, string | null>): string {
  return Object.entries(key)
    .map(([column, value]) => `${column}=${value ?? 'null'}`)
    .join(' ')
}
