import type { Change, MessageChange, RowChange, Transaction, TruncateChange } from '../../contracts/change.ts'
import type { Format, Message, ReadPlace } from '../../contracts/format.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import { tableName, type Row, type Table } from '../../contracts/table.ts'
import { base64, createTimeText, quoted } from '../../messages/json/json-text.ts'
import { createLineBytes, createTailBytes, type LineBytes, type Tails } from './line-bytes.ts'
import { createRowText, type RowText } from '../../messages/json/row-text.ts'

/**
 * Millrace's own format: one JSON object a line, lossless. What each member holds: docs/reference/native.schema.json.
 * A line ends with what its transaction shares, which is put together once per transaction.
 */
export function createNative(): Format {
  const encoderOf = createEncoders()
  const tailOf = createTails()

  const changeLine = (change: Change): string => {
    if (change.op === 'message') return messageLine(change)
    const tail = tailOf(change.tx, change.ordinal)
    return change.op === 'truncate' ? truncateLine(change, tail) : encoderOf(change.table).change(change, tail)
  }
  const readLine = (table: Table, row: Row, at: ReadPlace): string => encoderOf(table).read(row, at)

  return {
    changeLine,
    readLine,
    writeLine(change, out, at) {
      if ((change.op !== 'insert' && change.op !== 'update') || !change.image) return -1
      return encoderOf(change.table).bytes(change as RowChange & { image: RowImage }, out, at) // it has one
    },
    change: (change) => [message(changeLine(change), keyOf(change))],
    read: (table, row, at) => [message(readLine(table, row, at), encoderOf(table).rows.key(row, null))],
  }

  function keyOf(change: Change): string | null {
    if (change.op === 'message' || change.op === 'truncate') return null
    const { rows } = encoderOf(change.table)
    return change.op === 'delete' ? rows.key(change.before, null) : rows.key(change.after, change.before)
  }
}

function message(line: string, key: string | null): Message {
  return { topic: null, key: key === 'null' ? null : key, value: line.slice(0, -1), headers: null }
}

type Encoder = { rows: RowText; bytes: LineBytes; change(change: RowChange, tail: string): string; read(row: Row, at: ReadPlace): string }

/** One encoder per table version, the last one at hand: changes of one table mostly come together. */
function createEncoders(): (table: Table) => Encoder {
  const encoders = new WeakMap<Table, Encoder>()
  const tails = createTailBytes()
  let lastTable: Table | null = null
  let last: Encoder
  return (table) => {
    if (table === lastTable) return last
    let encoder = encoders.get(table)
    if (!encoder) encoders.set(table, (encoder = createEncoder(table, tails)))
    lastTable = table
    return (last = encoder)
  }
}

function createEncoder(table: Table, tails: Tails): Encoder {
  const rows = createRowText(table)
  const tail = createReadTails()
  const named = `"table":${quoted(tableName(table))},"key":`
  const heads = {
    read: flat(`{"op":"read",${named}`),
    insert: flat(`{"op":"insert",${named}`),
    update: flat(`{"op":"update",${named}`),
    delete: flat(`{"op":"delete",${named}`),
  }
  const withRow = (head: string, after: Row, before: Row | null, between: string): string => {
    const whole = rows.whole(after, head, between)
    if (whole !== '') return whole
    const rest = `,"unchanged":${rows.unchanged(after)}${rows.jsonNulls(after, 'jsonNull')}`
    return head + rows.key(after, before) + between + rows.object(after) + rest
  }

  return {
    rows,
    bytes: createLineBytes(table, tails),
    read: (row, at) => withRow(heads.read, row, null, NO_BEFORE) + tail(at),
    change: (change, end) => {
      if (change.op === 'insert') return withRow(heads.insert, change.after, null, NO_BEFORE) + end
      if (change.op === 'update')
        return withRow(heads.update, change.after, change.before, beforeOf(rows, change)) + nullsBefore(rows, change) + end
      const { before } = change
      return `${heads.delete}${rows.key(before, null)},"before":${rows.object(before)},"after":null,"unchanged":[]${rows.jsonNulls(before, 'jsonNull')}${end}`
    },
  }
}

/** The same text in one piece: V8 keeps a concatenation as a tree, which every line that holds it would walk again. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

const NO_BEFORE = ',"before":null,"after":'

type Update = Extract<RowChange, { op: 'update' }>

function beforeOf(rows: RowText, { oldKey, before }: Update): string {
  if (oldKey === null && before === null) return NO_BEFORE
  const old = oldKey === null ? '' : `,"oldKey":${rows.key(oldKey, before)}`
  return `${old},"before":${before === null ? 'null' : rows.object(before)},"after":`
}

/** `jsonNull` speaks of the row as it is after the change; an update's old row has a list of its own. */
function nullsBefore(rows: RowText, { before }: Update): string {
  return before === null ? '' : rows.jsonNulls(before, 'jsonNullBefore')
}

function truncateLine(change: TruncateChange, tail: string): string {
  const { table, cascade, restartIdentity } = change
  return `{"op":"truncate","table":${quoted(tableName(table))},"cascade":${cascade},"restartIdentity":${restartIdentity}${tail}`
}

function messageLine({ prefix, content, transactional, position, ordinal, tx }: MessageChange): string {
  const placed = tx === null ? `"xid":null,"commitTime":null` : `"xid":${tx.xid},"commitTime":"${createTimeText()(tx.commitTimeUs)}"`
  const head = `{"op":"message","prefix":${quoted(prefix)},"content":${base64(content)},"transactional":${transactional}`
  return `${head},"position":"${digits(position)}","ordinal":${ordinal},${placed}}\n`
}

/** Transactions come one after the other, so the last one's text is all that is kept. */
function createTails(): (tx: Transaction, ordinal: number) => string {
  let last: Transaction | null = null
  let head = ''
  let end = ''
  const timeText = createTimeText()
  return (tx, ordinal) => {
    if (tx !== last) {
      last = tx
      head = `,"position":"${tx.position}","ordinal":`
      end = `,"xid":${tx.xid},"commitTime":"${timeText(tx.commitTimeUs)}"}\n`
    }
    return head + ordinal + end
  }
}

function createReadTails(): (at: ReadPlace) => string {
  let last: ReadPlace | null = null
  let text = ''
  return (at) => {
    if (at !== last) {
      last = at
      text = flat(`,"position":"${digits(at.position)}","ordinal":null,"xid":null,"commitTime":null,"chunk":${quoted(at.chunk)}}\n`)
    }
    return text
  }
}

/** A place inside a transaction is written as the transaction's own position. */
function digits(position: string): string {
  return position.length > 16 ? position.slice(0, 16) : position
}
