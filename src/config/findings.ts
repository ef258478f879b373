import type { z } from 'zod'
import { mistake, unknownKey, unknownWord, type Mistake, type Path } from './mistake.ts'
import { allowedBy, type JsonSchema } from './describe-schema.ts'

type At = { schema: JsonSchema; input: unknown; prefix: Path }

/** What a schema found, as mistakes: each with its path, what is allowed there, the nearest valid name. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], at: At): Mistake[] {
  return issues.flatMap((issue) => describeIssue(issue, at))
}

function describeIssue(issue: z.core.$ZodIssue, at: At): Mistake[] {
  const path = [...at.prefix, ...issue.path]
  const schema = schemaAt(at.schema, issue.path)
  const value = valueAt(at.input, issue.path)
  const allowed = schema ? allowedBy(schema) : null
  if (issue.code === 'unrecognized_keys') {
    const valid = Object.keys(schema?.properties ?? {})
    return issue.keys.map((key) => unknownKey([...path, key], valid))
  }
  if (issue.code === 'invalid_key') return [mistake(path, phrase(issue.issues[0]?.message ?? 'is not allowed as a key'))]
  if (value === undefined && issue.code !== 'custom') return [mistake(path, `is required${bracketed(allowed)}`, { allowed })]
  if (issue.code === 'invalid_value' && value === null && issue.values.includes('null'))
    return [
      mistake(path, `is empty: YAML reads null as nothing; write "null" in quotes${bracketed(allowed)}`, { allowed, nearest: 'null' }),
    ]
  if (issue.code === 'invalid_value') return [unknownWord(path, String(value), issue.values.map(String))]
  if (value === null) return [mistake(path, `is empty${bracketed(allowed)}`, { allowed })]
  if (issue.code === 'invalid_union') return [mistake(path, `is not valid${bracketed(allowed)}`, { allowed })]
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return [mistake(path, `must be ${allowed ?? 'something else'}${advice(issue.expected, value)}`, { allowed })]
  if ((issue.code === 'too_small' || issue.code === 'too_big') && issue.message.startsWith('Too '))
    return [mistake(path, boundOf(issue, allowed), { allowed })]
  return [mistake(path, `${phrase(issue.message)}${reference(value)}`, { allowed })]
}

function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, allowed: string | null): string {
  if (issue.origin === 'number' || issue.origin === 'int') return `must be ${allowed ?? 'another number'}`
  if (issue.code === 'too_small') return `must not be empty${bracketed(allowed)}`
  return `is too long: at most ${String(issue.maximum)}`
}

/** YAML reads unquoted digits as numbers, and one thing is easily written for a list of one. */
function advice(expected: string, value: unknown): string {
  if (expected === 'string' && ['number', 'boolean'].includes(typeof value)) return '; put it in quotes'
  if (expected === 'array' && !Array.isArray(value)) return '; write [ … ] around it, or a line with - for each'
  if (['number', 'int', 'boolean'].includes(expected) && typeof value === 'string') return ', without quotes'
  return ''
}

/** Other tools write variables otherwise. Only the name is told. */
function reference(value: unknown): string {
  const [, name] = (typeof value === 'string' && /^\$\{?(?:env[.:])?([A-Za-z_][A-Za-z0-9_]*)\}?$/.exec(value)) || []
  return name ? `; an environment variable is written \${env:${name}}` : ''
}

function phrase(message: string): string {
  return message.replace('Invalid input: expected', 'must be').replace(/, received \w+$/, '')
}

function bracketed(allowed: string | null): string {
  return allowed ? ` (${allowed})` : ''
}

function schemaAt(schema: JsonSchema | undefined, path: Path): JsonSchema | undefined {
  if (path.length === 0 || !schema) return schema
  const [head, ...rest] = path
  if (typeof head === 'number') return schemaAt(schema.items, rest)
  const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  return schemaAt(schema.properties?.[String(head)] ?? extra, rest)
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part] // any step may be missing: then undefined
  return value
}
