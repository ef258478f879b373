import { relative, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import type { PipelineSummary } from '../core/pipeline.ts'
import { redactUrls } from '../lib/redact-urls.ts'

/** Where a sink's data lie and a command that shows some of it; both null where the sink has no such place. */
export type SinkPlace = { name: string; type: string; where: string | null; query: string | null }

/** For each sink that ran. `example`: the table that the commands name. */
export function sinkPlaces(config: Config, only: readonly string[], example: PipelineSummary['example']): SinkPlace[] {
  const pathOf = (path: string) => shownPath(path, config.baseDir)
  return config.sinks
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .map(({ name, type, definition, config: own }) => {
      const place = example === null ? null : (definition.place?.(own, { pathOf, table: example }) ?? null)
      return { name, type, where: place?.where ?? null, query: place?.query ?? null }
    })
}

/** As it would be typed in the working directory; a URL as it is, without a password. */
function shownPath(path: string, baseDir: string): string {
  if (path.includes('://')) return redactUrls(path)
  const absolute = resolve(baseDir, path)
  const fromHere = relative(process.cwd(), absolute)
  return fromHere.startsWith('..') || fromHere === '' ? absolute : fromHere
}
