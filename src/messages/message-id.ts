import { createHash } from 'node:crypto'
import type { Change } from '../contracts/change.ts'
import type { ReadPlace } from '../contracts/format.ts'
import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { perTable } from './per-table.ts'

/** Position and ordinal: the same on every replay, and unique together. */
export function changeId(change: Change): string {
  return `${change.op === 'message' ? change.position : change.tx.position}-${change.ordinal}`
}

const keyOf = perTable(createKeyOf)

/** A row read has no ordinal: its chunk and key name it, and where it has no key, its place in the batch. */
export function rowId(table: Table, row: Row, { position, chunk, index = 0 }: ReadPlace): string {
  const place = table.key.length > 0 ? '' : `${index}\n`
  return `${position}-${digest(`${chunk}\n${place}${keyOf(table)(row)}`)}`
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
