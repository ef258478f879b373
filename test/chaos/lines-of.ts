import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readFooter, readRows } from '../../src/codecs/parquet/read-file.ts'
import { tableFolder } from '../../src/lib/table-folder.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import type { Line } from './check-lines.ts'
import { EVENTS } from './truth.ts'

/** A line of the native format, as far as it is looked at. */
type Native = {
  op: Line['op']
  table: string
  key: object | null
  oldKey?: object
  after: { v: number } | null
  xid: number | null
  position: string
  ordinal: number | null
}

export function lineOf({ op, table, key, oldKey, after, xid, position, ordinal }: Native): Line {
  const isKeyed = key !== null && op !== 'truncate'
  return {
    table,
    op,
    key: isKeyed ? JSON.stringify(key) : null,
    oldKey: oldKey ? JSON.stringify(oldKey) : null,
    v: after?.v ?? null,
    xid,
    position,
    ordinal,
  }
}

/** Of whole lines; what a kill cut off at the end is left out. */
export function linesOfText(text: string): Line[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [lineOf(JSON.parse(line) as Native)]))
}

/** Of the file sink's folder. A line that is cut off is a fault there. */
export function linesOfFiles(root: string): Line[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.flatMap(({ name: folder }) =>
    readdirSync(join(root, folder))
      .sort()
      .flatMap((name) => {
        const text = readFileSync(join(root, folder, name), 'utf8')
        if (text !== '' && !text.endsWith('\n')) throw new Error(`${folder}/${name} ends inside a line`)
        return linesOfText(text)
      }),
  )
}

type Cells = Record<string, unknown>

/** Of the Parquet sink's folder: copies and changes brought together by their places in the log. `xids`: by position, which alone stands there. */
export async function linesOfLake(root: string, tables: readonly string[], xids: ReadonlyMap<string, number>): Promise<Line[]> {
  await using store = createLocalStore({ sink: 'lake', root, owner: 'chaos' })
  const lines: { line: Line; place: string }[] = []
  for (const name of tables) {
    const table = { schema: 'public', name: name.slice('public.'.length) }
    const folder = tableFolder(table)
    for (const kind of ['changes', 'snapshot'] as const)
      for (const file of await store.list(`${folder}/${kind}`)) {
        await using open = await store.open(`${folder}/${kind}/${file}`)
        const footer = await readFooter(open)
        const rows: Cells[] = []
        for await (const some of readRows(open, footer))
          for (const row of some) rows.push(Object.fromEntries(footer.columns.map((column, at) => [column, row[at]])))
        const read = kind === 'changes' ? changesOf(name, rows) : readsOf(name, rows, footer.metadata['millrace.position'] ?? '')
        for (const line of read) lines.push({ line: { ...line, xid: xids.get(line.position) ?? null }, place: placeOf(line) })
      }
  }
  // Stable: what stands in order within a file stays so, and a place that goes back is seen.
  const isOrdered = (a: { place: string }, b: { place: string }) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0)
  return lines.sort(isOrdered).map(({ line }) => line)
}

/** A row that was read comes after all that its position settles: what is before the transaction of that place, or its changes up to an ordinal. */
function placeOf({ position, ordinal, op }: Line): string {
  if (op !== 'read') return `${position}:${(ordinal ?? 0).toString(16).toUpperCase().padStart(12, '0')}`
  return position.includes(':') ? `${position}~` : position
}

function readsOf(table: string, rows: readonly Cells[], position: string): Line[] {
  return rows.map((cells) => ({
    table,
    op: 'read',
    key: keyOf(table, cells),
    oldKey: null,
    v: Number(cells.v),
    xid: null,
    position,
    ordinal: null,
  }))
}

function changesOf(table: string, rows: readonly Cells[]): Line[] {
  const lines: Line[] = []
  for (const cells of rows) {
    const op = String(cells._op) as Line['op']
    const oldKey = typeof cells._old_key === 'string' ? keyOf(table, JSON.parse(cells._old_key) as Cells) : null
    const isRow = op !== 'delete' && op !== 'truncate'
    const line = { table, op, key: op === 'truncate' ? null : keyOf(table, cells), oldKey, v: isRow ? Number(cells.v) : null, xid: null }
    const placed = { ...line, position: String(cells._position), ordinal: Number(cells._ordinal) }
    if (oldKey !== null && oldKey !== line.key) takeDeleteOfMove(lines, placed)
    lines.push(placed)
  }
  return lines
}

/** The row that moves is deleted in a line of its own, right before. */
function takeDeleteOfMove(lines: Line[], { table, oldKey, position, ordinal }: Line): void {
  const before = lines.pop()
  const isIt = before?.op === 'delete' && before.key === oldKey && before.position === position && before.ordinal === ordinal
  if (!isIt) throw new Error(`lake: ${table} ${oldKey} moves at ${position}:${ordinal} without its delete`)
}

function keyOf(table: string, cells: Cells): string | null {
  if (table === EVENTS) return null
  return table === 'public.pairs' ? JSON.stringify({ a: cells.a, b: Number(cells.b) }) : JSON.stringify({ id: Number(cells.id) })
}
