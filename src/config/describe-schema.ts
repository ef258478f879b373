/** A JSON Schema, as far as findings and docs read it. */
export type JsonSchema = {
  type?: string | string[]
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  const?: unknown
  not?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: readonly string[]
  items?: JsonSchema
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  additionalProperties?: boolean | JsonSchema
  minimum?: number
  maximum?: number
  /** Whether a text is the path of a file, whose folder must be there. */
  'x-path'?: 'file'
}

/** What a schema allows, in a few words, for tables of the docs. */
export function describeSchema(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(' | ')
  const union = schema.anyOf ?? schema.oneOf
  if (union) return union.map(describeSchema).join(' or ')
  if (schema.type === 'array') return `list${schema.items ? ` of ${describeSchema(schema.items)}` : ''}`
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object' && !schema.properties)
    return Object.keys(schema.additionalProperties).length > 0 ? `object of ${describeSchema(schema.additionalProperties)}` : 'object'
  return `${[schema.type].flat().join(' or ') || 'anything'}${rangeOf(schema, ', ')}`
}

const WORDS: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
}

/** What a schema allows, in the words of a sentence: `must be …`. */
export function allowedBy(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const)
  if (schema.enum) return schema.enum.map(String).join(' or ')
  const union = schema.anyOf ?? schema.oneOf
  // `true` and "true" are said alike.
  if (union) return [...new Set(union.map(allowedBy))].join(', or ')
  if (schema.type === 'array') return `a list${schema.items?.type === 'string' ? ' of text' : ''}`
  if (schema.type === 'object') {
    const keys = Object.keys(schema.properties ?? {})
    return keys.length > 0 ? `a mapping with ${keys.join(', ')}` : 'a mapping'
  }
  return `${[schema.type]
    .flat()
    .map((type) => WORDS[type ?? ''] ?? 'something else')
    .join(' or ')}${rangeOf(schema, ' ')}`
}

/** zod bounds integers by what a number can hold: that is no range worth telling. */
function rangeOf({ minimum, maximum }: JsonSchema, before: string): string {
  const [min, max] = [minimum, maximum].map((bound) => (bound === undefined || Math.abs(bound) > 2 ** 52 ? undefined : bound))
  if (min !== undefined && max !== undefined) return `${before}from ${min} to ${max}`
  if (min !== undefined) return `${before}from ${min} on`
  return max === undefined ? '' : `${before}up to ${max}`
}
