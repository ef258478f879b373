import type { FormatContext } from '../../contracts/definition.ts'
import type { DebeziumOptions } from './options.ts'

/** The options with what follows from them. */
export type Settings = {
  options: DebeziumOptions
  /** `topic.prefix`, or the pipeline's name. */
  prefix: string
  keySchemas: boolean
  valueSchemas: boolean
  /** When messages are made, in milliseconds since 1970. */
  nowMs: () => number
}

export function settingsOf(options: DebeziumOptions, { pipeline }: FormatContext, nowMs: () => number): Settings {
  const both = options['schemas.enable']
  return {
    options,
    prefix: options['topic.prefix'] ?? pipeline,
    keySchemas: options['key.converter.schemas.enable'] ?? both,
    valueSchemas: options['value.converter.schemas.enable'] ?? both,
    nowMs,
  }
}
