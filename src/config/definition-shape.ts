/** What keeps a value from being the definition of a sink; null: nothing. */
export function faultOfSink(value: unknown): string | null {
  return faultOf(value, ['open'], ['check', 'fromUrl', 'checkTables', 'place', 'openArchive']) ?? faultOfCapabilities(value)
}

/** The same of a format. */
export function faultOfFormat(value: unknown): string | null {
  return faultOf(value, ['create'], [])
}

function faultOf(value: unknown, functions: readonly string[], optional: readonly string[]): string | null {
  if (!isRecord(value)) return 'its definition is not an object'
  for (const name of ['type', 'summary']) if (typeof value[name] !== 'string' || value[name] === '') return `\`${name}\` must be text`
  if (!isSchema(value.config)) return '`config` must be a schema of zod, or anything with `parse` and `safeParse`'
  for (const name of functions) if (typeof value[name] !== 'function') return `\`${name}\` must be a function`
  for (const name of optional)
    if (value[name] !== undefined && typeof value[name] !== 'function') return `\`${name}\` must be a function, or left out`
  return null
}

function isSchema(value: unknown): boolean {
  return isRecord(value) && typeof value.safeParse === 'function' && typeof value.parse === 'function'
}

const WORDS: Record<string, readonly unknown[]> = {
  delivery: ['at-least-once', 'exactly-once'],
  shape: ['changes', 'tables', 'nothing'],
  needsKey: [true, false],
  truncate: [true, false],
  schemaChanges: [true, false],
  partialUpdates: [true, false],
  columnar: [true, false],
  readable: [true, false],
}

function faultOfCapabilities(value: unknown): string | null {
  const capabilities = isRecord(value) ? value.capabilities : undefined
  if (!isRecord(capabilities)) return '`capabilities` must be an object'
  const wrong = Object.entries(WORDS).find(([name, allowed]) => !allowed.includes(capabilities[name]))
  return wrong ? `\`capabilities.${wrong[0]}\` must be ${wrong[1].map(String).join(' or ')}` : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
