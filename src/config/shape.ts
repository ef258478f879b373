import { SINKS, SOURCES, TRANSFORMS } from '../registry.ts'
import { mistake, type Mistake, type Path } from './mistake.ts'

export type Typed = { type: string; [option: string]: unknown }

type Registry = Readonly<Record<string, unknown>>

/** The parts with a `type`, where they have the right shape; what has not is told by `checkShape`. */
export function partsOf(input: unknown): { source: Typed | null; sinks: (Typed | null)[]; transforms: (Typed | null)[] } {
  const record = isRecord(input) ? input : {}
  const list = (value: unknown) => (Array.isArray(value) ? value.map(asTyped) : [])
  return { source: asTyped(record.source), sinks: list(record.sinks), transforms: list(record.transforms) }
}

/** What is wrong with the outline: whether it is a mapping at all, and whether each part says which one it is. */
export function checkShape(input: unknown): readonly Mistake[] {
  if (!isRecord(input)) return [notAMapping(input)]
  const parts: Mistake[] = []
  if (input.source !== undefined) parts.push(...checkTyped(input.source, SOURCES, ['source']))
  for (const [key, registry] of [
    ['sinks', SINKS],
    ['transforms', TRANSFORMS],
  ] as const) {
    const list = input[key]
    if (Array.isArray(list)) for (const [index, each] of list.entries()) parts.push(...checkTyped(each, registry, [key, index]))
  }
  return parts
}

function notAMapping(input: unknown): Mistake {
  const allowed = 'a mapping with name, source, sinks'
  const what = input === null || input === undefined ? 'is empty' : Array.isArray(input) ? 'is a list' : 'is one value'
  return mistake([], `the configuration ${what}; it must be ${allowed}`, { allowed })
}

function checkTyped(value: unknown, registry: Registry, path: Path): Mistake[] {
  const types = Object.keys(registry).join(', ')
  if (!isRecord(value)) {
    const example = spelt(value, registry) ?? `{ type: ${Object.keys(registry)[0] ?? '…'}, … }`
    return [mistake(path, `must be a mapping such as ${example}`, { allowed: example })]
  }
  if (typeof value.type === 'string') return []
  // Other tools write the type as the key: `- duckdb: { path: … }`.
  const asKey = Object.keys(value).find((key) => Object.hasOwn(registry, key))
  const meant = asKey ? `; write { type: ${asKey}, … }` : ''
  const what = value.type === undefined ? 'is required' : 'must be text'
  return [mistake([...path, 'type'], `${what} (one of ${types})${meant}`, { allowed: types, nearest: asKey ?? null })]
}

/** The command line's own way of writing: `duckdb:./shop.duckdb`, and URLs. */
function spelt(value: unknown, registry: Registry): string | null {
  const scheme = typeof value === 'string' ? (/^([a-z0-9-]+):/.exec(value)?.[1] ?? value) : ''
  const type = scheme === 'postgresql' ? 'postgres' : scheme
  if (!Object.hasOwn(registry, type)) return null
  return `{ type: ${type}, ${registry === SOURCES ? 'url' : 'path'}: … }`
}

function asTyped(value: unknown): Typed | null {
  return isRecord(value) && typeof value.type === 'string' ? { ...value, type: value.type } : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
