import type { SourceContext } from '../contracts/definition.ts'
import type { Log } from '../contracts/sink.ts'
import type { Transformation } from '../core/transformation.ts'
import { toMillraceError, type MillraceError } from '../errors/millrace-error.ts'
import type { Config, ConfiguredSink } from './config.ts'
import { openSource } from './open-parts.ts'

/**
 * What can never take the source's tables, and why: by `transforms`, where these do not fit them, else by `sink NAME`, for the sinks get
 * what the transforms make of them. Looks with a source of its own, which makes nothing.
 */
export async function refusedTables(
  config: Config,
  { sinks, transforms }: { sinks: readonly ConfiguredSink[]; transforms: Transformation | undefined },
  { state, log }: { state: SourceContext['state']; log: Log },
): Promise<ReadonlyMap<string, MillraceError>> {
  const refused = new Map<string, MillraceError>()
  const picky = sinks.filter(({ definition }) => definition.checkTables !== undefined)
  if (picky.length === 0 && transforms === undefined) return refused
  await using source = await openSource(config, state, log)
  const tables = await source.tables()
  try {
    transforms?.check(tables)
  } catch (error) {
    return refused.set('transforms', toMillraceError(error))
  }
  const arriving = transforms === undefined ? tables : tables.map((table) => transforms.chain(table).to)
  for (const { name, definition, config: settings } of picky) {
    await definition
      .checkTables?.(arriving, settings, { name })
      .catch((error: unknown) => refused.set(`sink ${name}`, toMillraceError(error)))
  }
  return refused
}
