import type { Schema } from '../contracts/definition.ts'
import { redactUrls } from '../lib/redact-urls.ts'
import { hasReference } from './interpolate.ts'
import type { JsonSchema } from './describe-schema.ts'
import { inputSchema } from './json-schema.ts'
import { configSchema } from './schema.ts'

type Described = { config: Schema<unknown> }

/** The effective configuration as it may be shown: defaults filled in, references left as written, passwords hidden. */
export async function showConfig(
  raw: unknown,
  parts: { name: string; source: Described; sinks: readonly Described[]; transforms: readonly Described[] },
): Promise<Record<string, unknown>> {
  const written = raw as { source: object; sinks: object[]; transforms?: object[]; state?: string } // validated before
  const base = withDefaults(written, inputSchema(configSchema)) as Record<string, unknown>
  const source = withDefaults(written.source, inputSchema(parts.source.config))
  const sinks = written.sinks.map((sink, index) => withDefaults(sink, inputSchema(parts.sinks[index]?.config ?? parts.source.config)))
  const transforms = written.transforms?.map((one, index) =>
    withDefaults(one, inputSchema(parts.transforms[index]?.config ?? parts.source.config)),
  )
  return hideSecrets({
    ...base,
    source,
    ...(transforms ? { transforms } : {}),
    sinks,
    state: written.state ?? `.millrace/${parts.name}.db`,
  }) as Record<string, unknown>
}

const SECRET_KEY = /(password|passwd|passphrase|secret|token|credential|api_?key|access_?key|private_?key|salt)/i
/** Any header may be what lets us in. */
const SECRET_TREE = /^headers$/
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** Hides what looks like a secret: URLs' passwords, private keys, and values under a secret's name that are no references. */
export function hideSecrets(tree: unknown, key = ''): unknown {
  if (typeof tree === 'string') {
    const isSecret = SECRET_KEY.test(key) || SECRET_TREE.test(key) || PRIVATE_KEY.test(tree)
    return isSecret && !hasReference(tree) ? '***' : redactUrls(tree)
  }
  if (Array.isArray(tree)) return tree.map((item) => hideSecrets(item, key))
  if (tree === null || typeof tree !== 'object') return tree
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, hideSecrets(value, SECRET_TREE.test(key) ? key : name)]))
}

function withDefaults(written: unknown, schema: JsonSchema): unknown {
  if (written === undefined) return schema.default === undefined ? undefined : withDefaults(schema.default, schema)
  if (written === null || typeof written !== 'object' || Array.isArray(written) || !schema.properties) return written
  const result: Record<string, unknown> = { ...written }
  for (const [key, property] of Object.entries(schema.properties)) {
    const value = withDefaults(result[key], property)
    if (value !== undefined) result[key] = value
  }
  return result
}
