import { malformed } from '../pg-types/malformed.ts'

/** Postgres counts microseconds from 2000-01-01; we from 1970-01-01. */
const EPOCH_US = 946_684_800_000_000
const TWO_32 = 4_294_967_296

/** `finalLsn`: where the commit record begins, as 16 hexadecimal digits. */
export type Begin = { finalLsn: string; commitTimeUs: number; xid: number }

/** `endLsn`: the byte after the commit record. */
export type Commit = { finalLsn: string; endLsn: string }

/** What the log says of a table before its first change and after anything about it changed. */
export type Relation = {
  id: number
  schema: string
  name: string
  /** `d` default, `i` index, `f` full, `n` nothing. */
  identity: string
  columns: readonly RelationColumn[]
}

/** `isKey`: part of the replica identity (with `f`, every column is). */
export type RelationColumn = { name: string; isKey: boolean; typeOid: number; typeModifier: number }

export type Truncate = { relations: readonly number[]; cascade: boolean; restartIdentity: boolean }

/** Where a transaction was committed first, and the place of its commit in the log there. */
export type Origin = { lsn: number; name: string }

export type LogicalMessage = { transactional: boolean; lsn: string; prefix: string; content: Uint8Array }

/*
 * The functions below read whole messages (measured before), `at` being the byte after the type's letter.
 * Manual: "Logical Replication Message Formats".
 */

/** `Int64 final LSN, Int64 commit time, Int32 xid` */
export function readBegin(buf: Buffer, at: number): Begin {
  return { finalLsn: readLsn(buf, at), commitTimeUs: readTimeUs(buf, at + 8), xid: buf.readUInt32BE(at + 16) }
}

/** `Int8 flags (none yet), Int64 commit LSN, Int64 end LSN, Int64 commit time` */
export function readCommit(buf: Buffer, at: number): Commit {
  return { finalLsn: readLsn(buf, at + 1), endLsn: readLsn(buf, at + 9) }
}

/** `Int32 oid, String schema (empty for pg_catalog), String name, Byte identity, Int16 columns, …` (measure.ts has the rest) */
export function readRelation(buf: Buffer, at: number): Relation {
  const reader = { buf, at: at + 4 }
  const schema = readString(reader) || 'pg_catalog'
  const name = readString(reader)
  const identity = String.fromCharCode(buf[reader.at] as number) // measured before
  const count = buf.readInt16BE(reader.at + 1)
  reader.at += 3
  const columns: RelationColumn[] = []
  for (let index = 0; index < count; index++) columns.push(readColumn(reader))
  return { id: buf.readUInt32BE(at), schema, name, identity, columns }
}

function readColumn(reader: Reader): RelationColumn {
  const isKey = ((reader.buf[reader.at++] as number) & 1) === 1 // measured before
  const name = readString(reader)
  const typeOid = reader.buf.readUInt32BE(reader.at)
  const typeModifier = reader.buf.readInt32BE(reader.at + 4)
  reader.at += 8
  return { name, isKey, typeOid, typeModifier }
}

/** `Int32 relations, Int8 options (1 CASCADE, 2 RESTART IDENTITY), Int32 oid …` */
export function readTruncate(buf: Buffer, at: number): Truncate {
  const count = buf.readInt32BE(at)
  const options = buf[at + 4] as number // measured before
  const relations: number[] = []
  for (let index = 0; index < count; index++) relations.push(buf.readUInt32BE(at + 5 + 4 * index))
  return { relations, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 }
}

/** `Int64 LSN, String name` */
export function readOrigin(buf: Buffer, at: number): Origin {
  return { lsn: readLsnNumber(buf, at), name: readString({ buf, at: at + 8 }) }
}

/** `Int8 flags (1 transactional), Int64 LSN, String prefix, Int32 length, bytes`; the bytes are copied out. */
export function readLogicalMessage(buf: Buffer, at: number): LogicalMessage {
  const reader = { buf, at: at + 9 }
  const prefix = readString(reader)
  const start = reader.at + 4
  const content = new Uint8Array(buf.subarray(start, start + buf.readInt32BE(reader.at)))
  return { transactional: ((buf[at] as number) & 1) === 1, lsn: readLsn(buf, at + 1), prefix, content } // measured before
}

/** An LSN as 16 hexadecimal digits. */
export function readLsn(buf: Buffer, at: number): string {
  return buf.hexSlice(at, at + 8).toUpperCase()
}

/** An LSN as a number: exact up to 9 PB of log. */
export function readLsnNumber(buf: Buffer, at: number): number {
  return readUInt32(buf, at) * TWO_32 + readUInt32(buf, at + 4)
}

function readUInt32(buf: Buffer, at: number): number {
  return ((buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!) >>> 0 // the frame's head is there
}

function readTimeUs(buf: Buffer, at: number): number {
  return buf.readInt32BE(at) * TWO_32 + buf.readUInt32BE(at + 4) + EPOCH_US
}

type Reader = { buf: Buffer; at: number }

function readString(reader: Reader): string {
  const zero = reader.buf.indexOf(0, reader.at)
  if (zero < 0) throw malformed(reader.at, 'a string does not end')
  const text = reader.buf.utf8Slice(reader.at, zero)
  reader.at = zero + 1
  return text
}
