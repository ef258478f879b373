import type { SourceContext } from '../contracts/definition.ts'
import type { Log, SinkContext } from '../contracts/sink.ts'
import type { Source } from '../contracts/source.ts'
import type { Config, ConfiguredSink } from './config.ts'

/** What a source is given besides its own configuration. */
export function sourceContext(config: Config, state: SourceContext['state'], log: Log): SourceContext {
  const keyNeededBy = config.sinks.find((sink) => sink.definition.capabilities.needsKey)?.name ?? null
  return { pipeline: config.name, batchBytes: config.batch.maxBytes, keyNeededBy, state, log }
}

export function openSource(config: Config, state: SourceContext['state'], log: Log): Promise<Source> {
  return config.source.definition.open(config.source.config, sourceContext(config, state, log))
}

/** What a sink is given besides its own configuration. */
export function sinkContext(
  config: Config,
  sink: ConfiguredSink,
  own: Pick<SinkContext, 'state' | 'durable' | 'failed' | 'log'>,
): SinkContext {
  return { ...own, pipeline: config.name, name: sink.name, baseDir: config.baseDir, format: sink.format }
}

/** Exactly-once means just this: the checkpoint is stored by the sink itself, in the same atomic act as the data. */
export function sinkKeepsRecord({ definition, config }: ConfiguredSink): boolean {
  return (definition.delivery?.(config) ?? definition.capabilities.delivery) === 'exactly-once'
}
