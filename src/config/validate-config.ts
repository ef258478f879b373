import { resolve } from 'node:path'
import type { z } from 'zod'
import type { Schema } from '../contracts/definition.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { FORMATS, SINKS, SOURCES, TRANSFORMS } from '../registry.ts'
import type { Config, ConfiguredSink } from './config.ts'
import { describeIssues, formatPath, unknownType } from './findings.ts'
import { inputSchema } from './json-schema.ts'
import { configSchema, sinkNameSchema } from './schema.ts'
import { showConfig } from './show-config.ts'

type Path = readonly PropertyKey[]
type Typed = { type: string; [option: string]: unknown }

/** Turns what was read (`raw` as written, `input` with the secrets filled in) into a configuration, or says everything that is wrong with it. */
export async function validateConfig(input: unknown, options: { baseDir: string; raw: unknown }): Promise<Config> {
  const findings: string[] = []
  const base = checkPart(configSchema, input, [], findings)
  const written = partsOf(input)
  const source = await checkSource(written.source, findings)
  const sinks = await checkSinks(written.sinks, findings)
  const transforms = await checkTransforms(written.transforms, findings)
  if (!base || !source || findings.length > 0)
    throw new MillraceError('CONFIG_INVALID', { findings: findings.map((line) => `  ${line}`).join('\n') })
  const { snapshot, batch } = base
  return {
    name: base.name,
    baseDir: options.baseDir,
    source,
    sinks,
    transforms,
    snapshot: { mode: snapshot.mode, parallel: snapshot.parallel, chunkBytes: snapshot.chunkSize },
    batch: { maxBytes: batch.maxSize, maxWaitMs: batch.maxWait },
    state: resolve(options.baseDir, base.state ?? `.millrace/${base.name}.db`),
    onError: base.onError,
    shown: await showConfig(options.raw, { name: base.name, source: source.definition, sinks: sinks.map((sink) => sink.definition) }),
  }
}

/** Parses one part; its issues become findings. */
function checkPart<T>(schema: Schema<T>, input: unknown, prefix: Path, findings: string[]): T | null {
  const result = schema.safeParse(input)
  if (result.success) return result.data as T // safeParse's own promise: data is there on success
  const issues = (result.error as z.ZodError).issues // every definition's schema is zod
  findings.push(...describeIssues(issues, { schema: inputSchema(schema), input, prefix }))
  return null
}

async function checkSource(input: Typed | null, findings: string[]): Promise<Config['source'] | null> {
  if (!input) return null
  const definition = await findDefinition(SOURCES, input, ['source'], findings)
  if (!definition) return null
  const config = checkPart(definition.config, without(input, ['type']), ['source'], findings)
  return config === null ? null : { type: definition.type, definition, config }
}

async function checkSinks(inputs: readonly (Typed | null)[], findings: string[]): Promise<ConfiguredSink[]> {
  const sinks: ConfiguredSink[] = []
  const names = new Map<string, number>()
  for (const [index, input] of inputs.entries()) {
    if (!input) continue
    const name = input.name === undefined ? input.type : checkPart(sinkNameSchema, input.name, ['sinks', index, 'name'], findings)
    const earlier = name === null ? undefined : names.get(name)
    if (earlier !== undefined) findings.push(`sinks[${index}].name must be unique; sinks[${earlier}] is named ${name} too`)
    if (name !== null) names.set(name, index)
    const sink = await checkSink(input, name ?? '', ['sinks', index], findings)
    if (sink) sinks.push(sink)
  }
  return sinks
}

async function checkSink(input: Typed, name: string, path: Path, findings: string[]): Promise<ConfiguredSink | null> {
  const definition = await findDefinition(SINKS, input, path, findings)
  if (!definition) return null
  const config = checkPart(definition.config, without(input, ['type', 'name']), path, findings)
  if (config === null) return null
  const choice = (config as { format?: string | Typed }).format // only sinks that encode have one
  const format = choice === undefined ? null : await checkFormat(choice, [...path, 'format'], findings)
  return { name, type: definition.type, definition, config, format }
}

async function checkFormat(choice: string | Typed, path: Path, findings: string[]): Promise<ConfiguredSink['format']> {
  const input = typeof choice === 'string' ? { type: choice } : choice
  const definition = await findDefinition(FORMATS, input, path, findings)
  const config = definition && checkPart(definition.config, without(input, ['type']), path, findings)
  return definition && config !== null ? definition.create(config) : null
}

async function checkTransforms(inputs: readonly (Typed | null)[], findings: string[]): Promise<Config['transforms'][number][]> {
  const transforms: Config['transforms'][number][] = []
  for (const [index, input] of inputs.entries()) {
    const path = ['transforms', index]
    const definition = input && (await findDefinition(TRANSFORMS, input, path, findings))
    const config = definition && checkPart(definition.config, without(input, ['type']), path, findings)
    if (definition && config !== null) transforms.push(definition.create(config))
  }
  return transforms
}

async function findDefinition<D>(
  registry: Readonly<Record<string, () => Promise<D>>>,
  input: Typed,
  path: Path,
  findings: string[],
): Promise<D | null> {
  const load = Object.hasOwn(registry, input.type) ? registry[input.type] : undefined
  if (load) return load()
  findings.push(unknownType(formatPath([...path, 'type']), input.type, Object.keys(registry)))
  return null
}

/** The parts with a `type`, where they have the right shape; what has not is found by the base schema. */
function partsOf(input: unknown): { source: Typed | null; sinks: (Typed | null)[]; transforms: (Typed | null)[] } {
  const record = isRecord(input) ? input : {}
  const list = (value: unknown) => (Array.isArray(value) ? value.map(asTyped) : [])
  return { source: asTyped(record.source), sinks: list(record.sinks), transforms: list(record.transforms) }
}

function asTyped(value: unknown): Typed | null {
  return isRecord(value) && typeof value.type === 'string' ? { ...value, type: value.type } : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function without(input: Typed, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([key]) => !keys.includes(key)))
}
