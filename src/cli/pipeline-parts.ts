import { existsSync } from 'node:fs'
import type { Config, ConfiguredSink } from '../config/config.ts'
import type { SourceContext } from '../contracts/definition.ts'
import type { Log, Sink, SinkRecord, SinkState } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { redactUrls } from '../lib/redact-urls.ts'

/** What a source is given besides its own configuration. */
export function sourceContext(config: Config, state: SourceContext['state'], log: Log): SourceContext {
  const keyNeededBy = config.sinks.find((sink) => sink.definition.capabilities.needsKey)?.name ?? null
  return { pipeline: config.name, batchBytes: config.batch.maxBytes, keyNeededBy, state, log }
}

/** The source, for commands beside a running pipeline: it reads and makes nothing. */
export function openSource(config: Config, state: SourceContext['state'], log: Log): Promise<Source> {
  return config.source.definition.open(config.source.config, sourceContext(config, state, log))
}

/** A sink, for commands while no pipeline runs. */
export function openSink(config: Config, sink: ConfiguredSink, at: { state: SinkState; log: Log }): Promise<Sink> {
  const { name, format } = sink
  return sink.definition.open(sink.config, { pipeline: config.name, name, baseDir: config.baseDir, format, ...at, durable: () => {} })
}

/** The pipeline's state, where it ever ran; null otherwise: looking makes no file. */
export async function openKnownState(config: Config): Promise<StateStore | null> {
  if (!existsSync(config.state)) return null
  const { openSqliteState } = await import('../state/sqlite/state-store.ts')
  return openSqliteState(config.state, { pipeline: config.name })
}

/** The process that runs the pipeline; null where none does. */
export async function runningProcess(config: Config): Promise<number | null> {
  if (!existsSync(`${config.state}.lock`)) return null
  const { lockHolder } = await import('../state/sqlite/lock-pipeline.ts')
  return lockHolder(config.state)
}

/** Stands in for the state of a pipeline that never ran. */
export function emptyState(): SourceContext['state'] {
  const facts = new Map<string, unknown>()
  return {
    get: async (key) => facts.get(key) ?? null,
    set: async (entries) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
    delete: async (key) => void facts.delete(key),
  }
}

/** What a sink holds by its own record in the state store. */
export async function storedRecord(state: StateStore | null, name: string): Promise<SinkRecord | null> {
  return state ? state.sink(name).load() : null
}

/** Any text for stdout, without passwords. */
export function printLine(text: string): void {
  process.stdout.write(`${redactUrls(text)}\n`)
}

/** One JSON object on stdout; bigints as text. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? String(field) : field)))
}
