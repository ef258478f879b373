import type { SinkDefinition, SourceDefinition, TransformDefinition } from '../contracts/definition.ts'
import type { Format } from '../contracts/format.ts'

/** A validated configuration: definitions found, quantities in numbers, secrets filled in. Printed only by way of `shown`. */
export type Config = {
  name: string
  /** Where relative paths start. */
  baseDir: string
  source: { type: string; definition: SourceDefinition; config: unknown }
  sinks: readonly ConfiguredSink[]
  transforms: readonly ConfiguredTransform[]
  snapshot: {
    mode: 'incremental' | 'consistent' | 'none'
    parallel: number
    chunkBytes: number
    /** SQL by `schema.table`, for archives. */
    queries: Readonly<Record<string, string>>
  }
  batch: { maxBytes: number; maxWaitMs: number }
  /** The absolute path of the state file. */
  state: string
  /** Not `isUsed`: a sink that fails holds up all, there is only one. */
  spool: { isUsed: boolean; maxBytes: number; whenFull: 'block' | 'pause-sink'; patienceMs: number }
  onError: { data: 'stop' | 'dead-letter'; maxDeadLetters: number; maxDeadLettersAMinute: number }
  /** What the user wrote with the defaults filled in, secrets left as references and passwords hidden: for printing. */
  shown: Record<string, unknown>
}

export type ConfiguredSink = { name: string; type: string; definition: SinkDefinition; config: unknown; format: Format | null }

/** `name`: how errors call it, e.g. `transforms[0] (mask)`. `baseDir`: where its own relative paths start; left out, where all of the configuration's do. */
export type ConfiguredTransform = { name: string; definition: TransformDefinition; config: unknown; baseDir?: string }
