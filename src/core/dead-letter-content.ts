import { deserialize, serialize } from 'node:v8'
import type { Change } from '../contracts/change.ts'
import type { ChunkId } from '../contracts/position.ts'
import { UNCHANGED, type Row, type Table, type Value } from '../contracts/table.ts'

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
  return row && row.map((value) => (value === UNCHANGED ? undefined : value))
}

function unpackRow(row: Row | null): Row | null {
  return row && (row as Packed).map((value) => (value === undefined ? UNCHANGED : value))
}
