import type { Config } from '../config/config.ts'
import { sourceContext } from '../config/open-parts.ts'
import type { Format } from '../contracts/format.ts'
import type { Log } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { runPipeline, type PipelineOptions } from '../core/pipeline.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { formatCount } from '../lib/units.ts'
import { FORMATS } from '../registry.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { slotWaitText } from './progress.ts'
import { parsePosition } from './position-text.ts'
import { catchSignals } from './signals.ts'
import { createTailFormat, TAIL_OPERATIONS, type TailOperation } from './tail-format.ts'
import { createLines } from './tail-lines.ts'
import { createTailState } from './tail-state.ts'
import { openTerminal, type LogOptions, type Terminal } from './terminal.ts'

export type TailCliOptions = LogOptions & {
  source?: string
  tables?: readonly string[]
  config?: string
  format?: string
  json?: boolean
  wide?: boolean
  snapshot?: boolean
  op?: readonly string[]
  limit?: number
  until?: string
  publication?: string
}

/** Shows the changes of a live database on standard output until stopped. Nothing that it makes there outlives it. */
export async function tail(options: TailCliOptions): Promise<number> {
  const operations = operationsOf(options)
  const format = await chosenFormat(options)
  const config = await lookConfig(options)
  const terminal = await openTerminal(options)
  const signals = catchSignals({ ...terminal, say() {} })
  const last = new AbortController()
  const chosen = createTailFormat(format, { operations, limit: options.limit ?? null, onLast: () => last.abort() })
  const failures: unknown[] = []
  const refused = (error: unknown) => {
    failures.push(error)
    last.abort()
  }
  const drain = AbortSignal.any([signals.drain, last.signal])
  try {
    await runPipeline(pipelineOf(config, { options, operations, terminal, format: chosen, drain, abort: signals.abort, refused }))
    if (failures.length > 0) throw failures[0]
    return 0
  } catch (error) {
    // `millrace tail … | head -3`: the reader has what it wanted.
    if (error instanceof MillraceError && error.code === 'SINK_READER_GONE') return 0
    throw error
  } finally {
    signals.release()
  }
}

type Look = {
  options: TailCliOptions
  operations: ReadonlySet<TailOperation>
  terminal: Terminal
  format: Format
  drain: AbortSignal
  abort: AbortSignal
  /** It could not be begun. */
  refused(error: unknown): void
}

/** A pipeline whose memory and slot end with the process. */
function pipelineOf(config: Config, look: Look): PipelineOptions {
  const { options, terminal, format } = look
  const state = createTailState()
  const report = createReport(terminal)
  let isOpened = false
  let reason = 'the server ended it'
  return {
    name: config.name,
    slotName: 'of this look',
    mode: options.snapshot ? 'both' : 'stream',
    until: untilOf(options),
    state,
    log: withoutRetries(terminal.log),
    signal: look.drain,
    abort: look.abort,
    drainMs: DRAIN_MS,
    snapshot: { chunkBytes: config.snapshot.chunkBytes, parallel: 2 },
    batch: { maxBytes: BATCH_BYTES, maxWaitMs: config.batch.maxWaitMs },
    async source() {
      // Another session has another slot: what lies between the two would be missing without a word.
      if (isOpened) throw new MillraceError('TAIL_LOST', { reason })
      isOpened = true
      return openTail(config, { state, look })
    },
    sinks: [
      {
        name: 'stdout',
        keepsRecord: false,
        open: async () => (await import('../sinks/stdout/sink.ts')).openStdout({ name: 'stdout', format, stream: process.stdout }),
      },
    ],
    report(event) {
      if (event.event === 'retry') reason = event.message.replace(/\.$/, '')
      report(event)
    },
  }
}

/** Nothing is tried again: what a pipeline would retry ends a look. */
function withoutRetries(log: Log): Log {
  const unlessRetry = (tell: Log['info']) => (event: string, fields?: Record<string, unknown>) => {
    if (event !== 'retry') tell(event, fields)
  }
  return { debug: log.debug, info: unlessRetry(log.info), warn: unlessRetry(log.warn), error: unlessRetry(log.error) }
}

const DRAIN_MS = 2000
const BATCH_BYTES = 1 << 20

async function openTail(config: Config, at: { state: StateStore; look: Look }): Promise<Source> {
  const { definition } = config.source
  const { terminal, options, operations } = at.look
  if (!definition.openTail)
    throw new MillraceError('CLI_USAGE', { reason: `A ${definition.type} source cannot be looked at.`, command: 'tail' })
  const source = await definition.openTail(config.source.config, sourceContext(config, at.state, terminal.log), {
    tables: patternsOf(options.tables ?? []),
    operations: new Set((['insert', 'update', 'delete', 'truncate'] as const).filter((each) => operations.has(each))),
    withRows: options.snapshot === true,
    notice: (text) => tell(terminal, 'tail-notice', text),
  })
  // Somebody waits for the first line: an address that is wrong is told at once, and not after some trying.
  return Object.assign(source, { inspect: firm(at.look, source.inspect.bind(source)), begin: firm(at.look, source.begin.bind(source)) })
}

function firm<T>(look: Look, step: () => Promise<T>): () => Promise<T> {
  return async () => {
    try {
      return await step()
    } catch (error) {
      look.refused(error)
      throw error
    }
  }
}

/** A table's name alone means it in every schema. */
function patternsOf(tables: readonly string[]): string[] {
  return tables.map((name) => (name.includes('.') ? name : name.replace(/^(!?)/, '$1*.')))
}

/** What the command line names, as a configuration with standard output alone. */
async function lookConfig({ source, config: path, publication, tables = [] }: TailCliOptions): Promise<Config> {
  if (tables.some((name) => name === '' || name === '!')) throw usage('A table has an empty name.')
  if (path !== undefined) return withPublication(await (await import('../config/load-config.ts')).loadConfig(path), publication)
  if (source === undefined) throw usage('Name the database by its URL, or a configuration by -c FILE.')
  const { commandLineConfig } = await import('../config/command-line-config.ts')
  return withPublication(await commandLineConfig(source, ['stdout:'], process.cwd()), publication)
}

/** A pipeline's own publication is one of those that are there: it is not named, so that it need not exist. */
function withPublication(config: Config, publication: string | undefined): Config {
  const own = config.source.config as Record<string, unknown> // a zod object, as every source's
  const { publication: _, ...others } = own
  return { ...config, source: { ...config.source, config: publication === undefined ? others : { ...others, publication } } }
}

function operationsOf({ op = [], tables = [], snapshot }: TailCliOptions): ReadonlySet<TailOperation> {
  const named = op.flatMap((list) => list.split(',')).map((word) => word.trim().toLowerCase())
  for (const name of named) {
    if ((TAIL_OPERATIONS as readonly string[]).includes(name)) continue
    const nearest = nearestName(name, TAIL_OPERATIONS)
    throw usage(`--op takes ${TAIL_OPERATIONS.join(', ')}; ${nearest ? `did you mean ${nearest}?` : `${name} is none of them.`}`)
  }
  if (snapshot && named.length > 0 && !named.includes('read'))
    throw usage('--snapshot shows rows as `read`: add read to --op, or leave one of the two out.')
  if (named.length > 0) return new Set(named as TailOperation[]) // each was looked up above
  // A message belongs to no table: who names tables did not ask for it.
  return new Set(TAIL_OPERATIONS.filter((each) => each !== 'message' || tables.length === 0))
}

async function chosenFormat({ format, json, wide }: TailCliOptions): Promise<Pick<Format, 'changeLine' | 'readLine'>> {
  const isTerminal = process.stdout.isTTY === true
  const name = format ?? (json || !isTerminal ? 'native' : 'pretty')
  if (name === 'pretty') {
    const color = isTerminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
    return createLines({ color, columns: () => (wide || !isTerminal ? Infinity : process.stdout.columns || 80) })
  }
  const load = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
  if (load) {
    const definition = await load()
    return definition.create(definition.config.parse({}))
  }
  const known = ['pretty', ...Object.keys(FORMATS)]
  const nearest = nearestName(name, known)
  throw usage(`There is no format ${name}; ${nearest ? `did you mean ${nearest}?` : `there are ${known.join(', ')}.`}`)
}

function untilOf({ until }: TailCliOptions): 'caught-up' | { position: string } | null {
  if (until === undefined) return null
  return until === 'caught-up' ? until : { position: parsePosition(until) }
}

/** Of all the news of a pipeline only what somebody who looks wants to know. */
function createReport(terminal: Terminal): (event: PipelineEvent) => void {
  return (event) => {
    if (event.event === 'started') {
      const tables = `${formatCount(event.tables)} table${event.tables === 1 ? '' : 's'}`
      tell(terminal, 'tail-started', `Following ${tables}; Ctrl-C ends it.`)
    } else if (event.event === 'waiting' && Math.round(event.waitedMs / 1000) % 10 === 1) {
      tell(terminal, 'tail-waiting', `${slotWaitText(event)}.`)
    }
  }
}

function tell(terminal: Terminal, event: string, text: string): void {
  if (terminal.form === 'json') terminal.log.info(event, { message: text })
  else terminal.say(text)
}

function usage(reason: string): MillraceError {
  return new MillraceError('CLI_USAGE', { reason, command: 'tail' })
}
