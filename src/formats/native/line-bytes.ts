import type { RowChange, Transaction } from '../../contracts/change.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import { tableName, type Column, type LogicalType, type Table } from '../../contracts/table.ts'
import '../../lib/buffer-slices.ts'
import { createTimeText, quoted } from '../../messages/json/json-text.ts'
import { holdsJson, valueText, type ValueText } from '../../messages/json/value-text.ts'

/**
 * The line of a change whose row has an image, written as bytes from the bytes it came in: no text is made of it. The same bytes as
 * `changeLine` has characters (a test compares them). −1 where that cannot be: no room, JSON's null inside, a shape that is rare.
 */
export type LineBytes = (change: RowChange & { image: RowImage }, out: Buffer, at: number) => number

/** For one table version. `tails` is shared by all tables: transactions follow on each other. */
export function createLineBytes(table: Table, tails: Tails): LineBytes {
  const named = `"table":${quoted(tableName(table))},"key":`
  const space = { line: 0 }
  const heads = { insert: Buffer.from(`{"op":"insert",${named}`), update: Buffer.from(`{"op":"update",${named}`) }
  const members = table.columns.map((column, index) => createMember(column, index, { isFirst: index === 0, space }))
  const keys = table.key.map((index, place) => createMember(table.columns[index]!, index, { isFirst: place === 0, space })) // of the table
  space.line = heads.update.length + 200 + [...members, ...keys].reduce((sum, { name }) => sum + name.length + ROOM, 0)

  return (change, out, at) => {
    const { image } = change
    if (at + space.line + 2 * image.bytes > out.length) return -1
    at = put(change.op === 'insert' ? heads.insert : heads.update, out, at)
    at = keys.length === 0 ? put(NULL, out, at) : putObject(keys, image, out, at)
    if (at < 0) return -1
    at = putObject(members, image, out, put(BETWEEN, out, at))
    return at < 0 ? -1 : tails(change.tx, change.ordinal, out, put(UNCHANGED, out, at))
  }
}

const BETWEEN = Buffer.from(',"before":null,"after":')
const UNCHANGED = Buffer.from(',"unchanged":[]')
const NULL = Buffer.from('null')
/** What a member's value may need beside its bytes: quotes, and what canonical text has more than the source's. */
const ROOM = 16

type Member = { name: Buffer; index: number; put: PutValue }
type PutValue = (image: RowImage, index: number, out: Buffer, at: number) => number

/** What a line of the table takes beside its values, at most: known once all members are. */
type Space = { line: number }

function createMember({ name, type }: Column, index: number, { isFirst, space }: { isFirst: boolean; space: Space }): Member {
  return { name: Buffer.from(`${isFirst ? '' : ','}${quoted(name)}:`), index, put: putterOf(type, space) }
}

function putObject(members: readonly Member[], image: RowImage, out: Buffer, at: number): number {
  out[at++] = 0x7b
  for (let i = 0; i < members.length; i++) {
    const { name, index, put: putValue } = members[i]! // i < length
    at = put(name, out, at)
    at = image.isNull(index) ? put(NULL, out, at) : putValue(image, index, out, at)
    if (at < 0) return -1
  }
  out[at++] = 0x7d
  return at
}

function putterOf(type: LogicalType, space: Space): PutValue {
  const textOf = valueText(type)
  switch (type.kind) {
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'uint32':
    case 'int64':
      return (image, index, out, at) => orSlow(image.write(index, out, at), { textOf, space, image, index, out, at })
    case 'json':
      return (image, index, out, at) => putJson(image.write(index, out, at), out, at)
    case 'text':
    case 'unknown':
      return (image, index, out, at) => putText({ textOf, space, image, index, out, at })
    case 'decimal':
    case 'uuid':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return (image, index, out, at) => {
        const end = image.write(index, out, at + 1)
        if (end < 0) return putSlowly({ textOf, space, image, index, out, at })
        out[at] = 0x22
        out[end] = 0x22
        return end + 1
      }
    default:
      return holdsJson(type) ? () => -1 : (image, index, out, at) => putSlowly({ textOf, space, image, index, out, at })
  }
}

type Slow = { textOf: ValueText; space: Space; image: RowImage; index: number; out: Buffer; at: number }

function orSlow(end: number, slow: Slow): number {
  return end < 0 ? putSlowly(slow) : end
}

/** By the value's own text, where there is room for the worst that UTF-8 makes of it and for all else of the line. */
function putSlowly({ textOf, space, image, index, out, at }: Slow): number {
  const text = textOf(image.value(index))
  if (at + text.length * 3 + 2 * image.bytes + space.line > out.length) return -1
  return at + out.utf8Write(text, at, out.length - at)
}

function putText(slow: Slow): number {
  const { image, index, out, at } = slow
  const end = image.write(index, out, at + 1)
  if (end < 0 || needsEscape(out, at + 1, end)) return putSlowly(slow)
  out[at] = 0x22
  out[end] = 0x22
  return end + 1
}

function needsEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return true
  }
  return false
}

/** JSON's null must be named in the line, and line breaks become blanks: both by the slow way. */
function putJson(end: number, out: Uint8Array, at: number): number {
  if (end <= at || out[at] === 0x6e || out[at] === 0x20) return -1
  for (let i = at; i < end; i++) if ((out[i] as number) < 0x20) return -1
  return end
}

function put(bytes: Uint8Array, out: Uint8Array, at: number): number {
  const { length } = bytes
  if (length > 32) out.set(bytes, at)
  else for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number
  return at + length
}

export type Tails = (tx: Transaction, ordinal: number, out: Buffer, at: number) => number

/** `,"position":…}` and the line break. */
export function createTailBytes(): Tails {
  let last: Transaction | null = null
  let head = Buffer.alloc(0)
  let end = Buffer.alloc(0)
  const timeText = createTimeText()
  return (tx, ordinal, out, at) => {
    if (tx !== last) {
      last = tx
      head = Buffer.from(`,"position":"${tx.position}","ordinal":`)
      end = Buffer.from(`,"xid":${tx.xid},"commitTime":"${timeText(tx.commitTimeUs)}"}\n`)
    }
    at = put(head, out, at)
    if (ordinal < 10) out[at++] = 48 + ordinal
    else at += out.latin1Write(String(ordinal), at, 16)
    return put(end, out, at)
  }
}
