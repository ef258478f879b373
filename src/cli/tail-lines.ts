import type { Change, RowChange } from '../contracts/change.ts'
import type { Format } from '../contracts/format.ts'
import { tableName, UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { harmless } from '../lib/harmless.ts'
import { cellText, isSameValue, joinPieces, widthOf, type Piece, type Style } from './tail-cells.ts'

export type LineOptions = {
  color: boolean
  /** Cells that a line may take, asked for each; Infinity: never cut. */
  columns(): number
}

const STYLES: Record<string, Style> = {
  read: 'blue',
  insert: 'green',
  update: 'yellow',
  delete: 'red',
  truncate: 'magenta',
  message: 'cyan',
}
const LONGEST_TABLE = 40
const SPACE: Piece = { text: ' ', style: 'plain' }

/**
 * Changes as lines for people: time, what, table, key, columns. An update shows the columns that changed, old → new, where
 * the log has the old row (REPLICA IDENTITY FULL); else every column that it sent.
 */
export function createLines(options: LineOptions): Pick<Format, 'changeLine' | 'readLine'> {
  const timeText = createTimeText()
  const isWhole = () => options.columns() === Infinity
  let tableWidth = 0

  const line = (time: string, operation: string, table: string, rest: readonly Piece[]): string => {
    tableWidth = Math.max(tableWidth, Math.min(widthOf(table), LONGEST_TABLE))
    const pieces: Piece[] = [
      { text: time.padEnd(TIME_WIDTH), style: 'dim' },
      SPACE,
      { text: operation.padEnd('truncate'.length), style: STYLES[operation] ?? 'plain' },
      SPACE,
      { text: table + ' '.repeat(Math.max(0, tableWidth - widthOf(table))), style: 'bold' },
      ...rest,
    ]
    return `${joinPieces(pieces, { color: options.color, columns: options.columns() }).trimEnd()}\n`
  }

  return {
    readLine: (table, row) => line('', 'read', nameOf(table), rowPieces({ table, isWhole: isWhole() }, row)),
    changeLine(change) {
      const time = change.tx === null ? '' : timeText(change.tx.commitTimeUs)
      if (change.op === 'message') return line(time, 'message', harmless(change.prefix), messagePieces(change))
      if (change.op === 'truncate') return line(time, 'truncate', nameOf(change.table), truncatePieces(change))
      return line(time, change.op, nameOf(change.table), changePieces({ table: change.table, isWhole: isWhole() }, change))
    },
  }
}

const TIME_WIDTH = '00:00:00.000'.length

function nameOf(table: Table): string {
  return harmless(tableName(table))
}

/** A table's row as it is shown. */
type Look = { table: Table; isWhole: boolean }

function changePieces(look: Look, change: RowChange): Piece[] {
  const { table } = look
  if (change.op === 'insert') return rowPieces(look, change.after)
  if (change.op === 'delete')
    return table.identity === 'full' || table.key.length === 0 ? rowPieces(look, change.before) : keyPieces(look, [change.before])
  const { before, oldKey, after } = change
  const key = oldKey === null ? keyPieces(look, [after, before]) : table.key.flatMap((index) => moved(look, index, [oldKey, after]))
  return [...key, ...updatePieces(look, before, after)]
}

/** The key, then every other column that was sent. */
function rowPieces(look: Look, row: Row): Piece[] {
  return [...keyPieces(look, [row]), ...sentOf(look, row).flatMap((index) => named(look, index, [cell(look, index, row)]))]
}

function updatePieces(look: Look, before: Row | null, after: Row): Piece[] {
  const sent = sentOf(look, after)
  const old = before !== null && sent.some((index) => before[index] !== UNCHANGED) ? before : null
  return sent.flatMap((index) => {
    if (old === null || old[index] === UNCHANGED) return named(look, index, [cell(look, index, after)])
    return isSameValue(look.table.columns[index]!, old[index], after[index]) ? [] : moved(look, index, [old, after]) // sentOf gives columns
  })
}

/** Each key column from the first row that has it. */
function keyPieces(look: Look, rows: readonly (Row | null)[]): Piece[] {
  return look.table.key.flatMap((index) => {
    const row = rows.find((one) => one !== null && one[index] !== UNCHANGED)
    return row ? named(look, index, [cell(look, index, row, 'bold')]) : []
  })
}

/** `name=old → new` */
function moved(look: Look, index: number, [before, after]: readonly [Row, Row]): Piece[] {
  return named(look, index, [cell(look, index, before, 'red'), { text: ' → ', style: 'dim' }, cell(look, index, after, 'green')])
}

function named({ table }: Look, index: number, pieces: readonly Piece[]): Piece[] {
  return [{ text: `  ${harmless(table.columns[index]!.name)}=`, style: 'dim' }, ...pieces] // an index of its columns
}

function cell({ table, isWhole }: Look, index: number, row: Row, style: Style = 'plain'): Piece {
  const value = row[index]
  return { text: cellText(table.columns[index]!, value, isWhole), style: value === null ? 'dim' : style } // an index of its columns
}

/** The columns beside the key that were sent. */
function sentOf({ table }: Look, row: Row): number[] {
  return table.columns.flatMap((_, index) => (table.key.includes(index) || row[index] === UNCHANGED ? [] : [index]))
}

function truncatePieces({ cascade, restartIdentity }: Extract<Change, { op: 'truncate' }>): Piece[] {
  const words = [...(cascade ? ['cascade'] : []), ...(restartIdentity ? ['restart identity'] : [])]
  return words.length === 0 ? [] : [{ text: `  ${words.join(', ')}`, style: 'dim' }]
}

/** What a message holds is its writer's own: as text where it is text. */
function messagePieces({ content }: Extract<Change, { op: 'message' }>): Piece[] {
  return [{ text: `  ${harmless(Buffer.from(content).toString('utf8'))}`, style: 'plain' }]
}

/** The time of day here, to the millisecond. The last second is kept. */
function createTimeText(): (microseconds: number) => string {
  let second = Number.NaN
  let text = ''
  return (microseconds) => {
    const now = Math.floor(microseconds / 1e6)
    if (now !== second) {
      second = now
      const date = new Date(now * 1000)
      text = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
    }
    return `${text}.${String(Math.floor((microseconds - now * 1e6) / 1000)).padStart(3, '0')}`
  }
}
