import { styleText } from 'node:util'
import { harmless } from '../lib/harmless.ts'
import { formatBytes, formatCount } from '../lib/units.ts'
import { byProgress, copyFigures, leftText, percent, streamFigures, waitTexts, type ProgressView, type TableProgress } from './progress.ts'

export type Screen = { columns: number; rows: number; color: boolean }

const MOST_TABLES = 16
/** Lines besides the tables': what is left out, the total, waits and the stream, which may take two. */
const OTHER_LINES = 9
const NARROW = 100
const MARGIN = '  '
const GAP = '  '

/** Figures of a table in the order shown; those of a higher rank go first where the screen is narrow. */
const FIGURES: readonly { rank: number; of(table: TableProgress): string }[] = [
  { rank: 0, of: (table) => `${formatCount(table.rows)} rows` },
  { rank: 3, of: (table) => formatBytes(table.bytes) },
  { rank: 2, of: (table) => `${formatCount(table.rowRate)} rows/s` },
  { rank: 4, of: (table) => `chunk ${table.chunksDone}/${table.chunksPlanned}` },
  { rank: 1, of: (table) => (table.leftMs === null ? '' : leftText(table.leftMs)) },
]

/** A few lines for a terminal: a bar for each table that is copied, all of them together, what is waited for, and the stream. */
export function progressBars(view: ProgressView, screen: Screen): string {
  const open = byProgress(view.tables.filter((table) => table.state !== 'done'))
  const shown = open.slice(0, Math.max(1, Math.min(MOST_TABLES, screen.rows - OTHER_LINES)))
  const width = Math.max(20, screen.columns - 1)
  const lines = tableLines(shown, { ...screen, columns: width })
  const say = (text: string, style: Parameters<typeof styleText>[0] = 'reset') =>
    lines.push(...wrap(harmless(text), width - MARGIN.length).map((line) => MARGIN + paint(style, line, screen.color)))
  if (open.length > shown.length) say(moreText(open.slice(shown.length)), 'dim')
  if (open.length > 0) say([`${view.copy.done} of ${view.copy.tables} tables`, ...copyFigures(view.copy)].join(', '))
  else if (view.copy.tables > 0) say(`${formatCount(view.copy.rows)} rows of ${view.copy.tables} tables copied`, 'dim')
  for (const text of waitTexts(view)) say(text, 'yellow')
  const stream = streamFigures(view)
  if (stream.length > 0) say(stream.join(', '))
  return lines.map((line) => `${line}\n`).join('')
}

function tableLines(tables: readonly TableProgress[], screen: Screen): string[] {
  const names = fittingNames(tables, screen.columns)
  const bar = screen.columns < 50 ? 0 : screen.columns < NARROW ? 10 : 20
  const start = MARGIN.length + (names[0]?.length ?? 0) + GAP.length + (bar > 0 ? bar + 1 : 0) + '100 %'.length
  const figures = fittingFigures(tables, screen.columns - start)
  return tables.map((table, index) => {
    const name = `${MARGIN}${names[index] ?? ''}${GAP}`
    if (table.state === 'waiting') return `${name}${paint('dim', 'not begun', screen.color)}`
    const share = percent(table)
    const told = figures.map((column) => column[index] ?? '').filter((text) => text !== '')
    const line = `${name}${bar > 0 ? `${barText(share, bar, screen.color)} ` : ''}${String(share).padStart(3)} %${told.map((text) => GAP + text).join('')}`
    return line.trimEnd()
  })
}

/** Padded to one width; a name that is too long keeps its end, which tells more than its schema. */
function fittingNames(tables: readonly TableProgress[], columns: number): string[] {
  const most = Math.max(10, Math.floor(columns / 3))
  const shown = tables.map(({ table }) => harmless(table))
  const names = shown.map((table) => (table.length > most ? `…${table.slice(1 - most)}` : table))
  const width = Math.max(0, ...names.map((name) => name.length))
  return names.map((name) => name.padEnd(width))
}

/** Columns of figures, each padded to one width; those that do not fit are left out whole, the least telling first. */
function fittingFigures(tables: readonly TableProgress[], columns: number): string[][] {
  const all = FIGURES.map(({ rank, of }) => {
    const texts = tables.map((table) => (table.state === 'copying' ? of(table) : ''))
    const width = Math.max(0, ...texts.map((text) => text.length))
    return { rank, width: width === 0 ? 0 : width + GAP.length, texts: texts.map((text) => text.padStart(width)) }
  })
  let left = columns
  const fitting = new Set<number>()
  for (const { rank, width } of all.toSorted((a, b) => a.rank - b.rank)) {
    if (width > left) break
    left -= width
    fitting.add(rank)
  }
  return all.filter(({ rank }) => fitting.has(rank)).map(({ texts }) => texts)
}

function barText(share: number, width: number, color: boolean): string {
  const filled = Math.round((share / 100) * width)
  if (!color) return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
  return paint('cyan', '━'.repeat(filled), color) + paint('gray', '━'.repeat(width - filled), color)
}

function moreText(tables: readonly TableProgress[]): string {
  const copying = tables.filter((table) => table.state === 'copying').length
  const waiting = tables.length - copying
  const kinds = [...(copying > 0 ? [`${copying} being copied`] : []), ...(waiting > 0 ? [`${waiting} not begun`] : [])]
  return `… ${tables.length} tables more: ${kinds.join(', ')}`
}

function paint(style: Parameters<typeof styleText>[0], text: string, color: boolean): string {
  return color && style !== 'reset' && text !== '' ? styleText(style, text, { validateStream: false }) : text
}

/** A text on as many lines as it takes: nothing is cut in the middle of a word, unless it alone is too long. */
function wrap(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > columns) lines.push(word.slice(0, columns))
    else lines[lines.length - 1] = `${line}${line ? ' ' : ''}${word}`.slice(0, columns)
  }
  return lines
}
