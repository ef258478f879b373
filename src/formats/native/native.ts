import type { Change, MessageChange, RowChange, Transaction } from '../../contracts/change.ts'
import type { Format, Message, ReadPlace } from '../../contracts/format.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { createChangeText, messageText, truncateText, type ChangeText } from '../../messages/json/change-text.ts'
import { createTimeText, flatText, quoted } from '../../messages/json/json-text.ts'
import { perTable } from '../../messages/per-table.ts'
import { createLineBytes, createTailBytes, type LineBytes, type Tails } from './line-bytes.ts'

/**
 * Millrace's own format: one JSON object a line, lossless. What each member holds: docs/reference/native.schema.json.
 * A line ends with what its transaction shares, which is put together once per transaction.
 */
export function createNative(): Format {
  const encoderOf = perTable(createEncoder(createTailBytes()))
  const tailOf = createTails()

  const changeLine = (change: Change): string => {
    if (change.op === 'message') return messageLine(change)
    const tail = tailOf(change.tx, change.ordinal)
    return change.op === 'truncate' ? truncateText(change) + tail : encoderOf(change.table).text.change(change, tail)
  }
  const readLine = (table: Table, row: Row, at: ReadPlace): string => {
    const { text, readTail } = encoderOf(table)
    return text.read(row, readTail(at))
  }

  return {
    changeLine,
    readLine,
    writeLine(change, out, at) {
      if ((change.op !== 'insert' && change.op !== 'update') || !change.image) return -1
      return encoderOf(change.table).bytes(change as RowChange & { image: RowImage }, out, at) // it has one
    },
    change: (change) => [message(changeLine(change), keyOf(change))],
    read: (table, row, at) => [message(readLine(table, row, at), encoderOf(table).text.rows.key(row, null))],
  }

  function keyOf(change: Change): string | null {
    if (change.op === 'message' || change.op === 'truncate') return null
    const { rows } = encoderOf(change.table).text
    return change.op === 'delete' ? rows.key(change.before, null) : rows.key(change.after, change.before)
  }
}

function message(line: string, key: string | null): Message {
  return { topic: null, key: key === 'null' ? null : key, value: line.slice(0, -1), headers: null }
}

type Encoder = { text: ChangeText; bytes: LineBytes; readTail(at: ReadPlace): string }

function createEncoder(tails: Tails): (table: Table) => Encoder {
  return (table) => ({ text: createChangeText(table), bytes: createLineBytes(table, tails), readTail: createReadTails() })
}

function messageLine({ position, ordinal, tx, ...change }: MessageChange): string {
  const placed = tx === null ? `"xid":null,"commitTime":null` : `"xid":${tx.xid},"commitTime":"${createTimeText()(tx.commitTimeUs)}"`
  return `${messageText(change)},"position":"${digits(position)}","ordinal":${ordinal},${placed}}\n`
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
      text = flatText(`,"position":"${digits(at.position)}","ordinal":null,"xid":null,"commitTime":null,"chunk":${quoted(at.chunk)}}\n`)
    }
    return text
  }
}

/** A place inside a transaction is written as the transaction's own position. */
function digits(position: string): string {
  return position.length > 16 ? position.slice(0, 16) : position
}
