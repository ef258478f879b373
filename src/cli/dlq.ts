import type { Config } from '../config/config.ts'
import type { DeadLetter, DeadLetterChoice } from '../contracts/dead-letters.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { formatCount } from '../lib/units.ts'
import { chosenConfig, type ConfigChoice } from './chosen-config.ts'
import { confirmed } from './confirmed.ts'
import { openKnownState, printJson, printLine, runningProcess } from './pipeline-parts.ts'
import { askRunning } from './requests.ts'
import type { LogOptions } from './terminal.ts'

/** What `dlq list --json` prints, in `letters`. `time`: when it was set aside. */
export type DeadLetterReport = Omit<DeadLetter, 'timeMs'> & { time: string }

export type DlqOptions = Pick<ConfigChoice, 'config'> &
  LogOptions & { table?: string; key?: string; code?: string; sink?: string; json?: boolean; all?: boolean; yes?: boolean }

/** Longer than any table takes to be read for a few keys. */
const RETRY_TIMEOUT_MS = 3_600_000

export async function listLetters(options: DlqOptions): Promise<number> {
  const { letters } = await chosenLetters(options, [])
  if (options.json) printJson({ letters: letters.map(reportOf) })
  else if (letters.length === 0) printLine('No dead letters.')
  else for (const letter of letters) printLine(letterLine(letter))
  return 0
}

/** The change in full, as a line of the native format: the one place where values of a row are printed. */
export async function showLetter(id: number, options: DlqOptions): Promise<number> {
  const { letters, config } = await chosenLetters(options, [id])
  const line = (await withState(config, (state) => state.deadLetters.line(id))) ?? '{}'
  const [letter] = letters
  if (letter === undefined) throw new MillraceError('DEAD_LETTER_NONE', { which: String(id) })
  if (options.json) process.stdout.write(harmlessLines(`{"letter":${JSON.stringify(reportOf(letter))},"change":${line}}\n`))
  else {
    printLine(letterLine(letter))
    printLine(`  ${letter.message}`)
    printLine(`  What helps: docs/reference/errors.md#${letter.code.toLowerCase()}`)
    process.stdout.write(harmlessLines(`${line}\n`))
  }
  return 0
}

export async function retryDeadLetters(ids: readonly number[], options: DlqOptions): Promise<number> {
  const { letters, config } = await chosenLetters(options, ids, { mustName: true })
  if ((await runningProcess(config)) === null) throw new MillraceError('PIPELINE_NOT_RUNNING', { pipeline: config.name, what: 'dlq retry' })
  const args = { ids: letters.map(({ id }) => id) }
  const retried = (await askRunning(config, { kind: 'dlq-retry', args, timeoutMs: RETRY_TIMEOUT_MS })) as number // what run-handlers.ts answers
  if (options.json) printJson({ retried })
  else printLine(`${formatCount(retried)} given again.`)
  return 0
}

export async function dropDeadLetters(ids: readonly number[], options: DlqOptions): Promise<number> {
  const { letters, config } = await chosenLetters(options, ids, { mustName: true })
  if (
    !(await confirmed(`Forget ${formatCount(letters.length)} dead letters of ${config.name}?`, { yes: options.yes, command: 'dlq drop' }))
  )
    return 1
  const dropped = letters.map(({ id }) => id)
  // The running process holds back what comes after them.
  if ((await runningProcess(config)) !== null)
    await askRunning(config, { kind: 'dlq-drop', args: { ids: dropped }, timeoutMs: RETRY_TIMEOUT_MS })
  else await withState(config, (state) => state.deadLetters.remove(dropped))
  if (options.json) printJson({ dropped: dropped.length })
  else printLine(`${formatCount(dropped.length)} forgotten.`)
  return 0
}

type Chosen = { config: Config; letters: readonly DeadLetter[] }

async function chosenLetters(options: DlqOptions, ids: readonly number[], { mustName = false } = {}): Promise<Chosen> {
  const config = await chosenConfig({ ...(options.config !== undefined && { config: options.config }) }, 'dlq')
  const { table, key, code, sink, all } = options
  const isNamed = ids.length > 0 || [table, key, code, sink].some((each) => each !== undefined) || all
  if (mustName && !isNamed)
    throw new MillraceError('CLI_USAGE', {
      reason: 'Name dead letters by id, or by --table, --key, --code, --sink, or take --all.',
      command: 'dlq',
    })
  const choice: DeadLetterChoice = {
    ...(ids.length > 0 && { ids }),
    ...(table !== undefined && { table }),
    ...(key !== undefined && { key: keyJson(key) }),
    ...(code !== undefined && { code }),
    ...(sink !== undefined && { sink }),
  }
  const letters = (await withState(config, (state) => state.deadLetters.list(choice))) ?? []
  if (letters.length === 0 && (mustName || ids.length > 0))
    throw new MillraceError('DEAD_LETTER_NONE', { which: ids.join(', ') || 'that is meant' })
  return { config, letters }
}

/** As it is stored: without the blanks that people write. */
function keyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    throw new MillraceError('CLI_USAGE', { reason: `The key must be JSON, such as '{"id":42}'.`, command: 'dlq' })
  }
}

async function withState<T>(config: Config, use: (state: StateStore) => Promise<T>): Promise<T | null> {
  const state = await openKnownState(config)
  if (state === null) return null
  await using _ = state
  return await use(state)
}

function reportOf({ timeMs, ...letter }: DeadLetter): DeadLetterReport {
  const { id, sink, table, op, key, position, ordinal, code, message, waits, attempts } = letter
  return { id, sink, table, op, key, position, ordinal, code, message, waits, attempts, time: new Date(timeMs).toISOString() }
}

function letterLine({ id, sink, table, op, key, code, waits, attempts, timeMs }: DeadLetter): string {
  const why = waits ? 'waits for an earlier one' : `${code}${attempts > 1 ? `, ${attempts} attempts` : ''}`
  return `${String(id).padStart(5)}  ${new Date(timeMs).toISOString()}  ${sink}  ${op} ${table ?? 'message'} ${key ?? ''}  ${why}`
}
