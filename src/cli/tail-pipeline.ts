import type { Config } from '../config/config.ts'
import { sourceContext } from '../config/open-parts.ts'
import { openTransforms } from '../config/open-transforms.ts'
import type { Format } from '../contracts/format.ts'
import type { Log } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import type { PipelineOptions } from '../core/pipeline.ts'
import type { Transformation } from '../core/transformation.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { harmlessLines } from '../lib/harmless.ts'
import { createPatternMatcher } from '../lib/table-patterns.ts'
import { formatCount } from '../lib/units.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { slotWaitText } from './progress.ts'
import type { TailOperation } from './tail-format.ts'
import { patternsOf, untilOf, type TailCliOptions } from './tail-options.ts'
import { createTailState } from './tail-state.ts'
import type { Terminal } from './terminal.ts'

export type Look = {
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
export async function pipelineOf(config: Config, look: Look): Promise<PipelineOptions> {
  const { options, terminal, format } = look
  const state = createTailState()
  const report = createReport(terminal)
  const transforms = await openTransforms({ ...config, sinks: [] })
  let isOpened = false
  let reason = 'the server ended it'
  return {
    name: config.name,
    slotName: 'of this look',
    mode: options.snapshot ? 'both' : 'stream',
    until: untilOf(options),
    // No row is read again for what was not sent of it: that is for those who keep it.
    transforms: transforms && { ...transforms, selects: () => false, check: checkOf(transforms, look) },
    state,
    log: withoutRetries(terminal.log),
    signal: look.drain,
    abort: look.abort,
    drainMs: DRAIN_MS,
    snapshot: { chunkBytes: config.snapshot.chunkBytes, parallel: 2 },
    batch: { maxBytes: BATCH_BYTES, maxWaitMs: config.batch.maxWaitMs },
    discoverEveryMs: DISCOVER_EVERY_MS,
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
        async open() {
          const { openStdout } = await import('../sinks/stdout/sink.ts')
          // Lines for people are harmless by themselves, and have styles.
          const isFormat = process.stdout.isTTY && (options.format !== undefined || options.json === true)
          return openStdout({ name: 'stdout', format, stream: process.stdout, ...(isFormat && { shown: harmlessLines }) })
        },
      },
    ],
    report(event) {
      if (event.event === 'retry') reason = event.message.replace(/\.$/, '')
      report(event)
    },
  }
}

/**
 * A look at some tables does not see the others that the pipeline's transforms name: that is told, and no reason to stop. What such a
 * transform does with the tables looked at is checked as these arrive.
 */
function checkOf(transforms: Transformation, { options, terminal }: Look): Transformation['check'] {
  const isLookedAt = createPatternMatcher(patternsOf(options.tables ?? []))
  return (tables) => {
    try {
      transforms.check(tables)
    } catch (error) {
      const isOfOthers =
        error instanceof MillraceError && error.code === 'TRANSFORM_TABLE_MISSING' && !isLookedAt(String(error.fields.table))
      if (!isOfOthers || !options.tables?.length) throw error
      tell(terminal, 'tail-notice', error.message)
    }
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
/** A table that was made just now is what somebody looks for. */
const DISCOVER_EVERY_MS = 3000
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
    signal: at.look.drain,
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
  else terminal.say(harmlessLines(text))
}
