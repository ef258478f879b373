import { deserialize, serialize } from 'node:v8'
import type { Change } from '../contracts/change.ts'
import type { ChunkId } from '../contracts/position.ts'
import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'
import { lowerBoundsOf, withLowerBounds } from '../values/lower-bounds.ts'

/** What a dead letter keeps, to be given again: a change, or a row of a snapshot. */
export type LetterContent = { change: Change } | { table: Table; row: Row; chunk: ChunkId }

/** In V8's own form, which keeps every canonical value; what was not sent is `undefined` there, which no value is. */
export function packContent(content: LetterContent): Uint8Array {
  if (!('change' in content)) return serialize({ ...content, row: packRow(content.row) })
  const { change } = content
  if (change.op === 'message' || change.op === 'truncate') return serialize({ change })
  // Named one by one: `after` may be read through an accessor, and the bytes that it came in are not kept.
  const { op, table, ordinal, tx } = change
  const rows = { before: packRow(change.before), oldKey: packRow(change.oldKey), after: packRow(change.after) }
  return serialize({ change: { op, table, ordinal, tx, ...rows } })
}

export function unpackContent(bytes: Uint8Array): LetterContent {
  const content = deserialize(bytes) as LetterContent // written above only
  if (!('change' in content)) return { ...content, row: unpackRow(content.row) ?? [] }
  const { change } = content
  if (change.op === 'message' || change.op === 'truncate') return content
  const rows = { before: unpackRow(change.before), oldKey: unpackRow(change.oldKey), after: unpackRow(change.after) }
  return { change: { ...change, ...rows } as Change }
}

type Packed = readonly (Value | undefined)[]

function packRow(row: Row | null): Packed | null {
  return row && row.map((value) => (value === UNCHANGED ? undefined : packValue(value)))
}

function unpackRow(row: Row | null): Row | null {
  return row && (row as Packed).map((value) => (value === undefined ? UNCHANGED : unpackValue(value)))
}

/** An array's bounds ride on it under a symbol, which V8 does not write: an array with bounds is written as a map, which no value is. */
function packValue(value: Value): Value {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  if (!Array.isArray(value)) return mapFields(value as Fields, packValue)
  const items = (value as readonly Value[]).map(packValue)
  const bounds = lowerBoundsOf(value)
  return bounds === null ? items : (new Map([[bounds, items]]) as unknown as Value)
}

function unpackValue(value: Value): Value {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  if (value instanceof Map) for (const [bounds, items] of value as Bounded) return withLowerBounds(items.map(unpackValue), bounds)
  return Array.isArray(value) ? (value as readonly Value[]).map(unpackValue) : mapFields(value as Fields, unpackValue)
}

type Fields = { readonly [field: string]: Value }
type Bounded = ReadonlyMap<readonly number[], readonly Value[]>

function mapFields(fields: Fields, change: (value: Value) => Value): Value {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, change(value)]))
}
