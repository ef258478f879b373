import '../../lib/buffer-slices.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { Row } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { malformed } from '../pg-types/malformed.ts'
import { measureMessage, measureTuple } from './measure.ts'
import {
  readBegin,
  readCommit,
  readLogicalMessage,
  readLsn,
  readLsnNumber,
  readOrigin,
  readRelation,
  readTruncate,
  type Begin,
  type Commit,
  type LogicalMessage,
  type Origin,
  type Relation,
  type Truncate,
} from './messages.ts'
import { createRest } from './rest.ts'
import type { TupleScanner } from './tuple-image.ts'
import type { Cursor, TupleDecoder } from './tuple.ts'

/** Which old row came with an update or delete: its key (the replica identity's columns), all of it, or none. */
export type OldKind = 'key' | 'full' | 'none'

/** Told of each message in the log's order. Any of these may call `pause`. */
export type PgoutputHandler<Context> = {
  begin(begin: Begin): void
  commit(commit: Commit): void
  /** Of the transaction that began: where it came from. */
  origin?(origin: Origin): void
  /** A table's description; its changes are passed over until `define` says how to decode them. */
  relation(relation: Relation): void
  insert(context: Context, after: Row): void
  /** An insert, or an update without an old row, of a row that has an image. */
  image(context: Context, op: 'insert' | 'update', image: RowImage): void
  update(context: Context, kind: OldKind, old: Row | null, after: Row): void
  delete(context: Context, kind: OldKind, old: Row): void
  /** A change of a row that was not decoded: its table has no decoder, or `skip` is on. */
  passed(): void
  truncate(truncate: Truncate): void
  message(message: LogicalMessage): void
  /** The server has sent everything up to `walEnd` (16 hexadecimal digits); it may want an answer at once. */
  keepalive(walEnd: string, wantsReply: boolean): void
}

export type PgoutputDecoder<Context> = {
  /** Takes the next bytes. Only after `run` answered 'starved'. They must not be changed afterwards. */
  push(chunk: Buffer): void
  /** Decodes until the bytes or a message's end are lacking (`starved`), or `pause` was called (`paused`). */
  run(): 'starved' | 'paused'
  /** Makes `run` return after the message in hand. */
  pause(): void
  /** From here on changes of this relation are decoded so; null passes them over. */
  define(relation: number, how: How<Context> | null): void
  contextOf(relation: number): Context | null
  /** While on, changes are measured and passed over: for the part of a transaction that is settled already. */
  skip(isOn: boolean): void
  /** Bytes decoded since the beginning. */
  consumed(): number
  /** Where the message in hand lies in the log: what the server wrote before it. Asked for by a handler. */
  lsn(): number
}

/** With `scan`, whole rows are handed on as images. */
export type How<Context> = { decode: TupleDecoder; scan?: TupleScanner; context: Context }

/**
 * Decodes the payloads of a walsender's CopyData messages, joined in any way and cut at any byte:
 *
 *     'w' Int64 start, Int64 end, Int64 time, one pgoutput message | 'k' Int64 end, Int64 time, Byte reply wanted
 *
 * Nothing is lost between two chunks: a message is handed on once all its bytes are there, and `at` moves past it only then.
 * Protocol 1. Streamed transactions (2 and up) add an xid in front of each change and the letters S E c A.
 */
export function createPgoutputDecoder<Context>(handler: PgoutputHandler<Context>): PgoutputDecoder<Context> {
  type Known = How<Context> | null
  const relations = new Map<number, Known>()
  const rest = createRest()
  const cursor: Cursor = { at: 0, need: 0 }
  let isPaused = false
  let isSkipping = false
  let isInside = false
  let lastId = -1
  /** Where the frame in hand begins; its bytes stay until the next. */
  let frame = 0
  let last: Known = null

  const run = (): 'starved' | 'paused' => {
    isPaused = false
    do {
      while (rest.at < rest.end && rest.end >= rest.need) {
        if (!decodeFrame()) {
          rest.need = cursor.need
          break
        }
        rest.settle()
        if (isPaused) return 'paused'
      }
    } while (rest.more())
    return 'starved'
  }

  /** One 'w' or 'k'; false where it goes past the bytes at hand (then `cursor.need` is set). */
  const decodeFrame = (): boolean => {
    const { buf, at, end } = rest
    const letter = buf[at]
    frame = at
    if (letter === 0x77) return at + 26 > end ? lacking(at + 26) : decodeMessage(buf, at + 25, end)
    if (letter !== 0x6b) throw unexpected(`the byte ${letter} at ${rest.offset(at)} begins no message`)
    if (at + 18 > end) return lacking(at + 18)
    rest.at = at + 18
    handler.keepalive(readLsn(buf, at + 1), buf[at + 17] === 1)
    return true
  }

  const decodeMessage = (buf: Buffer, at: number, end: number): boolean => {
    const letter = buf[at]
    // The frequent ones are decoded straight away. Not where the bytes are being gathered: there each attempt would be in vain until the last.
    if (letter === 0x49 || letter === 0x55 || letter === 0x44) {
      if (!isInside) throw unexpected('a change outside a transaction')
      if (at + 6 > end) return lacking(at + 6)
      if (rest.isGathering() || isSkipping) {
        const stop = measureMessage(buf, at, end)
        if (stop < 0) return lacking(-stop)
        if (isSkipping) return pass(stop)
      }
      const id = ((buf[at + 1]! << 24) | (buf[at + 2]! << 16) | (buf[at + 3]! << 8) | buf[at + 4]!) >>> 0 // inside `end`
      if (id !== lastId) lookUp(id)
      if (last === null) {
        const stop = measureMessage(buf, at, end)
        return stop < 0 ? lacking(-stop) : pass(stop)
      }
      if (last.scan && buf[at + 5] === 0x4e) {
        const done = scanRow(last, letter === 0x49 ? 'insert' : 'update', at + 6)
        if (done !== undefined) return done
      }
      if (letter === 0x49) return decodeInsert(last, buf, at + 5, end)
      return letter === 0x55 ? decodeUpdate(last, buf, at + 5, end) : decodeDelete(last, buf, at + 5, end)
    }
    const stop = measureMessage(buf, at, end)
    if (stop < 0) return lacking(-stop)
    rest.at = stop
    decodeRare(letter, buf, at + 1)
    return true
  }

  const pass = (stop: number): true => {
    rest.at = stop
    handler.passed()
    return true
  }

  const lookUp = (id: number): void => {
    const known = relations.get(id)
    if (known === undefined) throw unexpected(`a change of the relation ${id}, which was not described`)
    last = known
    lastId = id
  }

  /** The new tuple of an insert or update at `at`; undefined where it must be decoded. */
  const scanRow = ({ scan, context }: NonNullable<Known>, op: 'insert' | 'update', at: number): boolean | undefined => {
    const image = rest.isGathering() ? scanCopy(scan!, at) : scan!(rest.buf, at, rest.end, cursor) // asked for where there is one
    if (!image) return image === null ? false : undefined
    rest.at = cursor.at
    handler.image(context, op, image)
    return true
  }

  /** Gathered bytes are written over by the next message that lies across two chunks: the image gets its own. All of it is there. */
  const scanCopy = (scan: TupleScanner, at: number): RowImage | null | undefined => {
    const stop = measureTuple(rest.buf, at, rest.end)
    const image = scan(Buffer.from(rest.buf.subarray(at, stop)), 0, stop - at, cursor)
    cursor.at += at
    return image
  }

  /** `'I' Int32 relation, 'N' TupleData` */
  const decodeInsert = ({ decode, context }: NonNullable<Known>, buf: Buffer, at: number, end: number): boolean => {
    if (buf[at] !== 0x4e) throw malformed(rest.offset(at), 'an insert without a new tuple')
    const after = decode(buf, at + 1, end, cursor)
    if (after === null) return false
    rest.at = cursor.at
    handler.insert(context, after)
    return true
  }

  /** `'U' Int32 relation, ['K' TupleData | 'O' TupleData] 'N' TupleData` */
  const decodeUpdate = ({ decode, context }: NonNullable<Known>, buf: Buffer, at: number, end: number): boolean => {
    const kind = buf[at] === 0x4b ? 'key' : buf[at] === 0x4f ? 'full' : 'none'
    let old: Row | null = null
    if (kind !== 'none') {
      old = decode(buf, at + 1, end, cursor)
      if (old === null) return false
      at = cursor.at
      if (at >= end) return lacking(at + 1)
    }
    if (buf[at] !== 0x4e) throw malformed(rest.offset(at), 'an update without a new tuple')
    const after = decode(buf, at + 1, end, cursor)
    if (after === null) return false
    rest.at = cursor.at
    handler.update(context, kind, old, after)
    return true
  }

  /** `'D' Int32 relation, 'K' TupleData | 'O' TupleData` */
  const decodeDelete = ({ decode, context }: NonNullable<Known>, buf: Buffer, at: number, end: number): boolean => {
    const kind = buf[at] === 0x4b ? 'key' : 'full'
    if (kind === 'full' && buf[at] !== 0x4f) throw malformed(rest.offset(at), 'a delete without an old tuple')
    const old = decode(buf, at + 1, end, cursor)
    if (old === null) return false
    rest.at = cursor.at
    handler.delete(context, kind, old)
    return true
  }

  const decodeRare = (letter: number | undefined, buf: Buffer, at: number): void => {
    switch (letter) {
      case 0x42: // B
        if (isInside) throw unexpected('a transaction inside another')
        isInside = true
        return handler.begin(readBegin(buf, at))
      case 0x43: // C
        if (!isInside) throw unexpected('a commit outside a transaction')
        isInside = false
        return handler.commit(readCommit(buf, at))
      case 0x52: {
        // R
        const relation = readRelation(buf, at)
        define(relation.id, null)
        return handler.relation(relation)
      }
      case 0x54: // T
        if (!isInside) throw unexpected('a truncate outside a transaction')
        return handler.truncate(readTruncate(buf, at))
      case 0x4d: // M
        return handler.message(readLogicalMessage(buf, at))
      case 0x4f: // O
        return handler.origin?.(readOrigin(buf, at))
      case 0x59: // Y: the catalogue says more of types
        return
    }
    throw unexpected(`the message type ${letter} at byte ${rest.offset(at - 1)}, which protocol 1 does not have`)
  }

  const lacking = (need: number): false => {
    cursor.need = need
    return false
  }

  const define = (relation: number, how: Known): void => {
    relations.set(relation, how)
    lastId = -1
  }

  return {
    run,
    define,
    push: (chunk) => rest.push(chunk),
    pause: () => {
      isPaused = true
    },
    contextOf: (relation) => relations.get(relation)?.context ?? null,
    skip: (isOn) => {
      isSkipping = isOn
    },
    consumed: () => rest.offset(rest.at),
    lsn: () => readLsnNumber(rest.buf, frame + 1),
  }
}

function unexpected(reason: string): MillraceError {
  return new MillraceError('STREAM_PROTOCOL', { reason })
}
