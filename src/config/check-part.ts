import type { z } from 'zod'
import type { Schema } from '../contracts/definition.ts'
import { describeIssues } from './findings.ts'
import { inputSchema } from './json-schema.ts'
import { unknownWord, type Mistake, type Path } from './mistake.ts'
import type { Typed } from './shape.ts'

export type Check = { path: Path; mistakes: Mistake[] }

/** Parses one part; its issues become mistakes. */
export function checkPart<T>(schema: Schema<T>, input: unknown, { path, mistakes }: Check): T | null {
  const result = schema.safeParse(input)
  if (result.success) return result.data as T // safeParse's own promise: data is there on success
  const issues = (result.error as z.ZodError).issues // every definition's schema is zod
  mistakes.push(...describeIssues(issues, { schema: inputSchema(schema), input, prefix: path }))
  return null
}

/** What `type` names; a mistake, and the definition that may have been meant, where it names none. */
export async function findDefinition<D>(registry: Readonly<Record<string, () => Promise<D>>>, input: Typed, at: Check): Promise<D | null> {
  const load = Object.hasOwn(registry, input.type) ? registry[input.type] : undefined
  if (load) return load()
  const unknown = unknownWord([...at.path, 'type'], input.type, Object.keys(registry))
  at.mistakes.push(unknown)
  // The other options are those of the type that was meant: what is wrong with them is said in the same go.
  return unknown.nearest === null ? null : (registry[unknown.nearest]?.() ?? null)
}

export function without(input: Typed, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([key]) => !keys.includes(key)))
}
