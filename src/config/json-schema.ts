import { z } from 'zod'
import type { Schema } from '../contracts/definition.ts'
import { SINKS, SOURCES, TRANSFORMS } from '../registry.ts'
import type { JsonSchema } from './describe-schema.ts'
import { configSchema, sinkNameSchema } from './schema.ts'

/** The JSON Schema of what a user writes: quantities as text, defaults optional. */
export function inputSchema(schema: Schema<unknown> | z.ZodType): JsonSchema {
  // Definitions hold zod schemas; the contract only hides the library.
  return z.toJSONSchema(schema as z.ZodType, { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

/** The JSON Schema of a whole configuration, with every source, sink and transform there is. */
export async function configJsonSchema(): Promise<JsonSchema> {
  const base = inputSchema(configSchema)
  const sources = await Promise.all(Object.values(SOURCES).map(async (load) => withType(await load(), {})))
  const sinks = await Promise.all(Object.values(SINKS).map(async (load) => withType(await load(), { name: inputSchema(sinkNameSchema) })))
  const transforms = await Promise.all(Object.values(TRANSFORMS).map(async (load) => withType(await load(), {})))
  const items = { transforms: { ...base.properties?.transforms, items: { oneOf: transforms } } }
  const properties = { ...base.properties, ...items, source: { ...describe(base, 'source'), oneOf: sources } }
  return { ...base, properties: { ...properties, sinks: { ...base.properties?.sinks, items: { oneOf: sinks } } } }
}

function describe(base: JsonSchema, key: string): JsonSchema {
  const description = base.properties?.[key]?.description
  return description === undefined ? {} : { description }
}

/** The schema of one source, sink or transform together with the `type` (and the `name`) that choose it. */
function withType(definition: { type: string; summary: string; config: Schema<unknown> }, extra: Record<string, JsonSchema>): JsonSchema {
  const { $schema: _, ...schema } = inputSchema(definition.config) as JsonSchema & { $schema?: string }
  for (const part of Object.values(extra)) delete (part as { $schema?: string }).$schema
  return {
    ...schema,
    description: definition.summary,
    properties: { type: { const: definition.type, type: 'string' }, ...extra, ...schema.properties },
    required: ['type', ...(schema.required ?? [])],
  }
}
