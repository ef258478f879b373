import type { Connection } from './connection.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { sqlstateOf, toSourceError } from './errors.ts'

/** Rows as arrays of text; every statement of this folder casts what it selects. */
export type Rows = readonly (readonly (string | null)[])[]

/** Several statements in one round trip: the rows of those that return some, in order. */
export async function queryAll(connection: Connection, sql: string): Promise<readonly Rows[]> {
  try {
    const results: unknown = await connection.query({ text: sql, rowMode: 'array' })
    const list = (Array.isArray(results) ? results : [results]) as { fields: unknown[]; rows: Rows }[] // pg types one result only
    return list.filter((result) => result.fields.length > 0).map((result) => result.rows)
  } catch (error) {
    throw toSourceError(error, { phase: 'query' })
  }
}

/** The rows of one statement. */
export async function queryRows(connection: Connection, sql: string): Promise<Rows> {
  return (await queryAll(connection, sql))[0] ?? []
}

/** Whether a statement failed because a relation, or its schema, is not there any more. */
export function isGone(error: unknown): boolean {
  return ['42P01', '3F000'].includes(String(stateOf(error)))
}

/** Whether a right was missing. */
export function isForbidden(error: unknown): boolean {
  return stateOf(error) === '42501'
}

function stateOf(error: unknown): unknown {
  return error instanceof MillraceError ? error.fields.sqlstate : sqlstateOf(error)
}
