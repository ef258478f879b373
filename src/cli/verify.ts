import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { openSource, sinkContext } from '../config/open-parts.ts'
import { openTransforms } from '../config/open-transforms.ts'
import type { Sink } from '../contracts/sink.ts'
import type { TableVerdict } from '../core/verify.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { formatCount } from '../lib/units.ts'
import { lockPipeline } from '../state/sqlite/lock-pipeline.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { emptyState, openKnownState, printJson, printLine, runningProcess } from './pipeline-parts.ts'
import { askRunning } from './requests.ts'
import { openTerminal, type LogOptions, type Terminal } from './terminal.ts'
import { asTransformed } from './verify-tables.ts'
import { isEqual, verifySinks, type VerifyReport, type VerifyRequest } from './verify-sinks.ts'

/** Longer than any comparison takes; a process that died meanwhile is noticed at once. */
const VERIFY_TIMEOUT_MS = 6 * 3_600_000
const NEWS_MS = 1000

/** Compares source and sinks. Exit code 1 where anything differs. */
export async function verify(options: ConfigChoice & LogOptions & { table: readonly string[]; json?: boolean }): Promise<number> {
  const config = await chosenConfig(options, 'verify')
  assertReadable(config, options.sink ?? [])
  const request = { tables: options.table, sinks: config.sinks.map((sink) => sink.name) }
  const terminal = await openTerminal(options)
  const isRunning = (await runningProcess(config)) !== null
  const report = await (isRunning ? verifyRunning : verifyAlone)(config, request, terminal)
  if (options.json) printJson(report)
  else printReport(report)
  return report.ok ? 0 : 1
}

/** Progress for people goes to stderr, as everything but the result. */
function tellProgress(terminal: Terminal, text: string): void {
  if (terminal.quiet) return
  if (terminal.form === 'json') terminal.log.info('verifying', { message: text })
  else terminal.write(`${harmlessLines(text)}\n`)
}

async function verifyRunning(config: Config, request: VerifyRequest, terminal: Terminal): Promise<VerifyReport> {
  const key = `verify/${randomUUID()}`
  const news = { key, tell: (text: string) => tellProgress(terminal, text) }
  const args = { ...request, news: key }
  return (await askRunning(config, { kind: 'verify', args, timeoutMs: VERIFY_TIMEOUT_MS, news })) as VerifyReport // what verify-live.ts answers
}

/** A sink asked for by name must be one that can be read. */
function assertReadable(config: Config, asked: readonly string[]): void {
  const blind = config.sinks.find((sink) => asked.includes(sink.name) && !sink.definition.capabilities.readable)
  if (blind) throw new MillraceError('SINK_UNREADABLE', { sink: blind.name, type: blind.type })
}

/** While no pipeline runs: opens the source and the sinks that can be read, by itself. */
async function verifyAlone(config: Config, request: VerifyRequest, terminal: Terminal): Promise<VerifyReport> {
  const { log } = terminal
  const state = await openKnownState(config)
  await using _ = { [Symbol.asyncDispose]: async () => state?.[Symbol.asyncDispose]() }
  // Held, so that no run begins to write what is being read here.
  await using _lock = state ? await lockPipeline(config.state, { pipeline: config.name }) : { [Symbol.asyncDispose]: async () => {} }
  const sinks: { name: string; sink: Sink | null }[] = []
  try {
    for (const sink of config.sinks) {
      const isReadable = sink.definition.capabilities.readable
      const sinkState = state?.sink(sink.name) ?? { load: async () => null, save: async () => {} }
      const context = sinkContext(config, sink, { state: sinkState, log, durable: () => {}, failed: () => {} })
      sinks.push({ name: sink.name, sink: isReadable ? await sink.definition.open(sink.config, context) : null })
    }
    let toldMs = performance.now()
    const progress = (text: string) => {
      if (performance.now() - toldMs < NEWS_MS) return
      toldMs = performance.now()
      tellProgress(terminal, text)
    }
    const transforms = await openTransforms(config)
    const open = async () => asTransformed(await openSource(config, state ?? emptyState(), log), transforms)
    const side = { pipeline: config.name, live: false, open, sinks, passed: async () => true, progress }
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
  else printLine('UNDECIDED: nothing differs as far as could be seen; run verify again when less is written')
  if (!report.live && differing > 0) printLine('The pipeline does not run: what was written since it stopped counts as a difference.')
}

const LISTED = 20

function printVerdict(prefix: string, verdict: TableVerdict): void {
  const { table, rows, differing, more, unsettled, undecided, reason } = verdict
  if (isEqual(verdict)) return printLine(`${prefix}${table}  OK  ${formatCount(rows.source)} rows`)
  if (reason !== null) return printLine(`${prefix}${table}  UNDECIDED  ${reason}`)
  const count = `${differing.length}${more ? ' or more' : ''}`
  const outcome = differing.length > 0 ? `DIFFERS in ${count} keys` : 'UNDECIDED'
  printLine(`${prefix}${table}  ${outcome}  source ${rows.source} rows, sink ${rows.sink} rows`)
  for (const { key, what } of differing.slice(0, LISTED)) printLine(`  ${what.padEnd(9)}  ${keyText(key)}`)
  if (differing.length > LISTED) printLine(`  … and ${differing.length - LISTED}${more ? ' or more' : ''} others (--json lists up to 1000)`)
  if (unsettled > 0) printLine(`  undecided: ${unsettled} keys that changed at every look`)
  for (const key of undecided.slice(0, LISTED)) printLine(`  undecided  ${keyText(key)}`)
}

function keyText(key: Record<string, string | null>): string {
  return Object.entries(key)
    .map(([column, value]) => `${column}=${value ?? 'null'}`)
    .join(' ')
}
