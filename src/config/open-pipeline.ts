import { existsSync } from 'node:fs'
import { openSource, sinkContext, sinkKeepsRecord } from './open-parts.ts'
import { openTransforms } from './open-transforms.ts'
import type { Config } from './config.ts'
import { createFloor } from './acknowledge-floor.ts'
import type { Log } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { DeadLetterOptions } from '../core/dead-letter-book.ts'
import type { PipelineOptions, PipelineSummary, SpoolSettings } from '../core/pipeline.ts'
import { runPipeline } from '../core/run-pipeline.ts'
import { FORMATS } from '../registry.ts'
import { lockPipeline } from '../state/sqlite/lock-pipeline.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import type { WaitingEvent } from '../telemetry/pipeline-event.ts'
import { spoolFolder } from './spool-folder.ts'
import { refusedTables } from './refused-tables.ts'
import { resolveConfig } from './load-config.ts'
import { notePhase } from './note-phase.ts'
import { noteTransforms } from './note-transforms.ts'
import type { ConfigInput } from './schema.ts'

export type OpenPipelineOptions = Partial<
  Pick<PipelineOptions, 'mode' | 'until' | 'repair' | 'report' | 'handlers' | 'abort' | 'drainMs'>
> & {
  log?: Log
  /** Stand by while another process runs this pipeline. */
  wait?: boolean
  /** Only these sinks of the configuration. The others lose nothing: what they still need is not acknowledged. */
  only?: readonly string[]
  /** How a wait is put into words for `status`. */
  waitingText?: (event: WaitingEvent) => string
  /** Sees each source that is opened, before it is read. */
  onSource?: (source: Source) => Promise<void>
}

/**
 * Runs a pipeline until it is drained (`signal`), caught up (`until`), or stopped by an error that needs somebody; then throws it.
 * `config` is a configuration as in a file, or one that `loadConfig` returned.
 */
export async function openPipeline(
  config: Config | ConfigInput,
  signal: AbortSignal,
  options: OpenPipelineOptions = {},
): Promise<PipelineSummary> {
  const valid = isResolved(config) ? config : await resolveConfig(config, { baseDir: process.cwd() })
  if (valid.snapshot.mode === 'consistent') throw new MillraceError('ARCHIVE_MODE')
  await using _lock = await lockPipeline(valid.state, { pipeline: valid.name, wait: options.wait ?? false, signal })
  await using state = await openSqliteState(valid.state, { pipeline: valid.name })
  // Awaited here: state and lock are let go only after the run.
  return await runPipeline(await pipelineOptions(valid, { state, signal, options }))
}

async function pipelineOptions(
  config: Config,
  at: { state: StateStore; signal: AbortSignal; options: OpenPipelineOptions },
): Promise<PipelineOptions> {
  const { state, signal, options } = at
  const { only, onSource, wait: _, waitingText: __, log = SILENT, ...run } = options
  const sinks = config.sinks.filter((sink) => !only || only.length === 0 || only.includes(sink.name))
  const absent = config.sinks.filter((sink) => !sinks.includes(sink))
  const note = await notePhase(state, options.waitingText ?? (({ what }) => what))
  const floor = await createFloor(state, { present: sinks, absent })
  const transforms = await openTransforms(config)
  await noteTransforms(config, state, (event) => (run.repair ? undefined : run.report?.(event)))
  return {
    mode: config.snapshot.mode === 'none' ? 'stream' : 'both',
    ...run,
    report(event) {
      note(event)
      run.report?.(event)
    },
    name: config.name,
    slotName: (config.source.config as { slot?: string }).slot ?? `millrace_${config.name}`, // sources that have one call it so
    source: async () => {
      const source = floor(await openSource(config, state, log))
      await onSource?.(source)
      return source
    },
    sinks: sinks.map((sink) => ({
      name: sink.name,
      keepsRecord: sinkKeepsRecord(sink),
      shape: sink.definition.capabilities.shape,
      takesLate: sink.definition.capabilities.late ?? sink.definition.capabilities.delivery === 'at-least-once',
      isReadable: sink.definition.capabilities.readable,
      wholeTransactions: sink.format?.wholeTransactions ?? false,
      open: (context) => sink.definition.open(sink.config, sinkContext(config, sink, { ...context, log })),
    })),
    transforms,
    spool: spoolSettings(config),
    checkTables: async () => {
      for (const error of (await refusedTables(config, { sinks, transforms }, { state, log })).values()) throw error
    },
    state,
    snapshot: { chunkBytes: config.snapshot.chunkBytes, parallel: config.snapshot.parallel },
    batch: config.batch,
    ...(config.onError.data === 'dead-letter' && { deadLetters: await deadLetterOptions(config, state) }),
    log,
    signal,
  }
}

/** Also for a single sink where there was another once: what lies on disk for it is still its own. */
function spoolSettings(config: Config): SpoolSettings | undefined {
  const isLeft = config.sinks.some(({ name }) => existsSync(spoolFolder(config, name)))
  const { isUsed, ...settings } = config.spool
  return isUsed || isLeft ? { ...settings, folderOf: (sink) => spoolFolder(config, sink) } : undefined
}

async function deadLetterOptions({ name, onError }: Config, state: StateStore): Promise<DeadLetterOptions> {
  const native = await FORMATS.native!() // the generated registry has it
  const words = native.create(native.config.parse({}), { pipeline: name })
  return { store: state.deadLetters, words, maxOpen: onError.maxDeadLetters, maxAMinute: onError.maxDeadLettersAMinute }
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

function isResolved(config: Config | ConfigInput): config is Config {
  return 'shown' in config && 'baseDir' in config
}
