import type { SinkDefinition } from '../contracts/definition.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { SINKS, SOURCES } from '../registry.ts'
import type { Config } from './config.ts'
import { resolveConfig } from './load-config.ts'

/** `SOURCE_URL SINK…` as a configuration: named after the database, its state in `.millrace/NAME.db` of the working directory. */
export async function commandLineConfig(sourceUrl: string, sinks: readonly string[], baseDir: string): Promise<Config> {
  const source = await readSource(sourceUrl)
  const raw = { name: pipelineName(sourceUrl), source, sinks: await Promise.all(sinks.map(readSink)) }
  return resolveConfig(raw, { baseDir, env: {} })
}

/** `My-Shop` → `my_shop`: what a slot's name may hold. */
export function pipelineName(sourceUrl: string): string {
  const name = databaseOf(sourceUrl)
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .slice(0, 46)
  return /[a-z0-9]/.test(name) ? name : 'millrace'
}

/** The database of a URL or of `host=… dbname=…`, else of the environment, else the user's, as the server would choose. */
function databaseOf(sourceUrl: string): string {
  const [, authority = '', path = ''] = /^[^:]+:\/\/([^/?]*)(?:\/([^?]*))?/.exec(sourceUrl) ?? []
  const parameter = (name: string) => new RegExp(`(?:^|[?&\\s])${name}\\s*=\\s*'?([^\\s&']+)`).exec(sourceUrl)?.[1]
  const user = authority.includes('@') ? authority.split(/[:@]/)[0] : parameter('user')
  const { PGDATABASE, PGUSER } = process.env
  const name = parameter('dbname') || path || PGDATABASE || user || PGUSER || ''
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** The configuration of the source that a URL names. */
export async function readSource(url: string): Promise<object> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  const type = SCHEMES[scheme] ?? (KEYWORDS.test(url) ? 'postgres' : scheme)
  const load = Object.hasOwn(SOURCES, type) ? SOURCES[type] : undefined
  if (!load) {
    const known = Object.keys(SOURCES)
      .map((name) => `${name}://…`)
      .join(', ')
    const what = redactUrls(scheme ? `${scheme}:` : url)
    throw new MillraceError('SOURCE_URL_INVALID', { reason: `${what} is not a URL of a known source (${known})` })
  }
  return { type, ...((await load()).fromUrl(url) as object) } // a source's URL is its configuration or an error
}

const SCHEMES: Record<string, string> = { postgresql: 'postgres' }
/** libpq's other form: `host=… dbname=…`. */
const KEYWORDS = /^\s*[A-Za-z_]+\s*=/

async function readSink(url: string): Promise<object> {
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9-]*):(.*)$/s.exec(url) ?? []
  const definition = Object.hasOwn(SINKS, scheme) ? await SINKS[scheme]?.() : await sinkWithScheme(scheme)
  const config = definition?.fromUrl(rest, scheme) ?? null
  if (definition && config !== null && typeof config === 'object') return { type: definition.type, ...config }
  const nearest = definition ? null : nearestName(scheme || url, Object.keys(SINKS))
  throw new MillraceError('SINK_URL_INVALID', { url: `${redactUrls(url)}${nearest ? ` (did you mean ${nearest}:?)` : ''}` })
}

async function sinkWithScheme(scheme: string): Promise<SinkDefinition | undefined> {
  const definitions = await Promise.all(Object.values(SINKS).map((load) => load()))
  return definitions.find(({ schemes }) => schemes?.includes(scheme))
}
