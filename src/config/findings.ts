import type { z } from 'zod'
import { nearestName } from '../lib/nearest-name.ts'

/** A JSON Schema, as far as findings and docs read it. */
export type JsonSchema = {
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  const?: unknown
  properties?: Record<string, JsonSchema>
  required?: readonly string[]
  items?: JsonSchema
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  additionalProperties?: boolean | JsonSchema
  minimum?: number
  maximum?: number
}

/** One line for each thing wrong: its path, what is allowed there, the nearest valid name. Never the value: it may be a secret. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  at: { schema: JsonSchema; input: unknown; prefix: readonly PropertyKey[] },
): string[] {
  return issues.flatMap((issue) => {
    const path = formatPath([...at.prefix, ...issue.path])
    const value = valueAt(at.input, issue.path)
    if (issue.code === 'unrecognized_keys') {
      const valid = Object.keys(schemaAt(at.schema, issue.path)?.properties ?? {})
      return issue.keys.map((key) => unknownKey(formatPath([...at.prefix, ...issue.path, key]), key, valid))
    }
    if (value === undefined && issue.code !== 'custom') return [`${path} is required${allowed(schemaAt(at.schema, issue.path))}`]
    if (issue.code === 'invalid_value')
      return [`${path} must be one of ${issue.values.map(String).join(', ')}${meant(value, issue.values)}`]
    if (issue.code === 'invalid_union') return [`${path} is not valid${allowed(schemaAt(at.schema, issue.path))}`]
    return [`${path}${issue.message.startsWith('must') ? ' ' : ': '}${plain(issue.message)}`]
  })
}

/** `sinks[0].path` */
export function formatPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return text.replace(/^\./, '') || 'the configuration'
}

export function unknownKey(path: string, key: string, valid: readonly string[]): string {
  const nearest = nearestName(key, valid)
  return `${path} is not known${nearest ? `; did you mean ${nearest}?` : valid.length > 0 ? `; known here: ${valid.join(', ')}` : ''}`
}

export function unknownType(path: string, type: string, valid: readonly string[]): string {
  const nearest = nearestName(type, valid)
  return `${path} must be one of ${valid.join(', ')}${nearest ? `; did you mean ${nearest}?` : ''}`
}

/** What a schema allows, in a few words. */
export function describeSchema(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(' | ')
  const union = schema.anyOf ?? schema.oneOf
  if (union) return union.map(describeSchema).join(' or ')
  if (schema.type === 'array') return `list${schema.items ? ` of ${describeSchema(schema.items)}` : ''}`
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object' && !schema.properties)
    return Object.keys(schema.additionalProperties).length > 0 ? `object of ${describeSchema(schema.additionalProperties)}` : 'object'
  return [schema.type].flat().join(' or ') || 'anything'
}

function schemaAt(schema: JsonSchema | undefined, path: readonly PropertyKey[]): JsonSchema | undefined {
  if (path.length === 0 || !schema) return schema
  const [head, ...rest] = path
  if (typeof head === 'number') return schemaAt(schema.items, rest)
  const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  return schemaAt(schema.properties?.[String(head)] ?? extra, rest)
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part] // any step may be missing: then undefined
  return value
}

function allowed(schema: JsonSchema | undefined): string {
  return schema ? ` (${describeSchema(schema).replaceAll('`', '')})` : ''
}

function meant(value: unknown, valid: readonly unknown[]): string {
  const nearest = typeof value === 'string' ? nearestName(value, valid.map(String)) : null
  return nearest ? `; did you mean ${nearest}?` : ''
}

function plain(message: string): string {
  return message.replace('Invalid input: expected', 'must be').replace(/, received \w+$/, '')
}
