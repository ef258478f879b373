import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { FORMATS, SINKS, SOURCES } from '../registry.ts'
import type { Config, ConfiguredSink } from './config.ts'
import { nameHomes } from './key-homes.ts'
import { formatOfModule, nameOfModule, sinkOfModule } from './module-definition.ts'
import { formatPath, mistake, type Mistake } from './mistake.ts'
import { nameInstead } from './name-instead.ts'
import { checkShape, partsOf, type Typed } from './shape.ts'
import { configSchema, sinkNameSchema } from './schema.ts'
import { checkPart, findDefinition, without, type Check } from './check-part.ts'
import { checkTransforms } from './check-transforms.ts'
import { showConfig } from './show-config.ts'

export type Validated = { config: Config; mistakes: readonly [] } | { config: null; mistakes: readonly Mistake[] }

/** Turns what was read (`raw` as written, `input` with the secrets filled in) into a configuration, or says everything that is wrong with it. */
export async function validateConfig(input: unknown, options: { baseDir: string; raw: unknown }): Promise<Validated> {
  const mistakes: Mistake[] = [...checkShape(input)]
  const base = mistakes.some(({ path }) => path.length === 0) ? null : checkBase(input, mistakes)
  const written = partsOf(input)
  const source = await checkSource(written.source, mistakes)
  const sinks = await checkSinks(written.sinks, { pipeline: base?.name ?? '', baseDir: options.baseDir, mistakes })
  const transforms = await checkTransforms(written.transforms, mistakes)
  if (!base || !source || mistakes.length > 0) return { config: null, mistakes: await nameHomes(mistakes) }
  const { snapshot, batch } = base
  const config = {
    name: base.name,
    baseDir: options.baseDir,
    source,
    sinks,
    transforms,
    // A reader for each core keeps this process busy; more would wait for their turn, with their buffers full.
    snapshot: {
      mode: snapshot.mode,
      parallel: Math.min(snapshot.parallel, Math.max(2, availableParallelism())),
      chunkBytes: snapshot.chunkSize,
      queries: snapshot.queries,
    },
    batch: { maxBytes: batch.maxSize, maxWaitMs: batch.maxWait },
    state: resolve(options.baseDir, base.state ?? `.millrace/${base.name}.db`),
    spool: spoolOf(base.spool, sinks.length),
    onError: base.onError,
    shown: await showConfig(options.raw, {
      name: base.name,
      source: source.definition,
      sinks: sinks.map((sink) => sink.definition),
      transforms: transforms.map((transform) => transform.definition),
    }),
  }
  return { config, mistakes: [] }
}

function spoolOf(written: z.output<typeof configSchema>['spool'], sinks: number): Config['spool'] {
  const { maxSize, whenFull, patience } = written ?? configSchema.shape.spool.unwrap().parse({})
  return { isUsed: written !== undefined || sinks > 1, maxBytes: maxSize, whenFull, patienceMs: patience }
}

/** What `checkShape` said of a part is not said again in other words. */
function checkBase(input: unknown, mistakes: Mistake[]): z.output<typeof configSchema> | null {
  const known = new Set(mistakes.map(({ path }) => formatPath(path)))
  const found: Mistake[] = []
  const base = checkPart(configSchema, input, { path: [], mistakes: found })
  mistakes.unshift(...found.filter(({ path }) => !known.has(formatPath(path))))
  return base
}

type SinkCheck = Check & { pipeline: string; baseDir: string }

async function checkSource(input: Typed | null, mistakes: Mistake[]): Promise<Config['source'] | null> {
  if (!input) return null
  const at = { path: ['source'], mistakes }
  const definition = await findDefinition(SOURCES, input, at)
  if (!definition) return null
  const config = checkPart(definition.config, without(input, ['type']), at)
  return config === null ? null : { type: definition.type, definition, config }
}

async function checkSinks(inputs: readonly (Typed | null)[], { mistakes, ...rest }: Omit<SinkCheck, 'path'>): Promise<ConfiguredSink[]> {
  const sinks: ConfiguredSink[] = []
  const names = new Map<string, number>()
  for (const [index, input] of inputs.entries()) {
    if (!input) continue
    const at = { path: ['sinks', index], mistakes, ...rest }
    const name =
      input.name === undefined ? defaultName(input.type) : checkPart(sinkNameSchema, input.name, { path: [...at.path, 'name'], mistakes })
    const earlier = name === null ? undefined : names.get(name)
    const advice = input.name === undefined ? `; give one of them a name` : ''
    if (earlier !== undefined)
      mistakes.push(mistake([...at.path, 'name'], `must be unique; sinks[${earlier}] is named ${name} too${advice}`))
    if (name !== null) names.set(name, index)
    const sink = await checkSink(input, name ?? '', at)
    if (sink) sinks.push(sink)
  }
  return sinks
}

function defaultName(type: string): string {
  return Object.hasOwn(SINKS, type) ? type : nameOfModule(type)
}

async function checkSink(input: Typed, name: string, at: SinkCheck): Promise<ConfiguredSink | null> {
  const definition = (await sinkOfModule(input.type, at.baseDir)) ?? (await findDefinition(SINKS, input, at))
  if (!definition) return null
  const config = checkPart(definition.config, without(input, ['type', 'name']), at)
  if (config === null) return null
  const choice = (config as { format?: string | Typed }).format // only sinks that encode have one
  const format = choice === undefined ? null : await checkFormat(choice, { ...at, path: [...at.path, 'format'] })
  return { name, type: definition.type, definition, config, format }
}

async function checkFormat(choice: string | Typed, at: SinkCheck): Promise<ConfiguredSink['format']> {
  const input = typeof choice === 'string' ? { type: choice } : choice
  const definition = (await formatOfModule(input.type, at.baseDir)) ?? (await findDefinition(FORMATS, input, at))
  if (!definition) return null
  const mistakes: Mistake[] = []
  const config = checkPart(definition.config, without(input, ['type']), { path: at.path, mistakes })
  at.mistakes.push(...nameInstead(mistakes, definition))
  return config === null ? null : definition.create(config, { pipeline: at.pipeline })
}
