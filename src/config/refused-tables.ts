import type { SourceContext } from '../contracts/definition.ts'
import type { Log } from '../contracts/sink.ts'
import { toMillraceError, type MillraceError } from '../errors/millrace-error.ts'
import type { Config, ConfiguredSink } from './config.ts'
import { openSource } from './open-parts.ts'

/** By the name of each sink that can never hold the source's tables, why. Looks with a source of its own, which makes nothing. */
export async function refusedTables(
  config: Config,
  sinks: readonly ConfiguredSink[],
  { state, log }: { state: SourceContext['state']; log: Log },
): Promise<ReadonlyMap<string, MillraceError>> {
  const refused = new Map<string, MillraceError>()
  const picky = sinks.filter(({ definition }) => definition.checkTables !== undefined)
  if (picky.length === 0) return refused
  await using source = await openSource(config, state, log)
  const tables = await source.tables()
  for (const { name, definition, config: settings } of picky) {
    await definition.checkTables?.(tables, settings, { name }).catch((error: unknown) => refused.set(name, toMillraceError(error)))
  }
  return refused
}
