/** Replays the files of the Parquet sink as docs/guides/parquet-and-duckdb.md says, and compares what remains with the source. */
import { readFooter, readRows } from '../../src/codecs/parquet/read-file.ts'
import { tableName, type LogicalType, type Row, type Table, type Value } from '../../src/contracts/table.ts'
import { tableFolder } from '../../src/lib/table-folder.ts'
import type { Store } from '../../src/sinks/parquet/store.ts'
import { definition as postgres } from '../../src/sources/postgres/definition.ts'
import { canonicalEquals } from '../../src/values/canonical-equals.ts'

type Cells = Record<string, Value>
/** `cells`: the table's own columns; `own`: `_op` and the others. */
type Line = { position: string; ordinal: number; op: string; own: Cells; cells: Cells }
export type Folded = { files: number; lines: number; rows: number; differing: string[]; repeated: number }

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** `differing` names rows that are missing, too many, or unlike the source; `repeated` counts changes that are there twice. */
export async function foldLake(url: string, store: Store): Promise<Folded> {
  await using source = await postgres.open(postgres.config.parse({ url }), {
    pipeline: 'fold',
    batchBytes: 1 << 20,
    keyNeededBy: null,
    state: { get: async () => undefined, set: async () => {}, delete: async () => {} },
    log: SILENT,
  })
  const total: Folded = { files: 0, lines: 0, rows: 0, differing: [], repeated: 0 }
  for (const table of await source.tables()) {
    // Rows without a key cannot be told from each other.
    if (table.key.length === 0) continue
    const rows = await foldTable(store, table, total)
    total.rows += rows.size
    for await (const some of source.scan(table, null, AbortSignal.timeout(60_000)))
      for (const row of some)
        if (!takeEqual(rows, table, row)) total.differing.push(`${tableName(table)} ${keyOf(table, cellsOf(table, row))}`)
    for (const key of rows.keys()) total.differing.push(`${tableName(table)} ${key} is too many`)
  }
  return total
}

async function foldTable(store: Store, table: Table, total: Folded): Promise<Map<string, Cells>> {
  const moved = new Map<string, Cells>()
  const folder = tableFolder(table)
  const rows = new Map<string, Cells>()
  const { lines: copied, begin } = await snapshotLines(store, `${folder}/snapshot`, total)
  const changed = await changeLines(store, `${folder}/changes`, total)
  const since = changed.filter((line) => line.position >= begin)
  const inOrder = (a: Line, b: Line) => (a.position === b.position ? a.ordinal - b.ordinal : a.position < b.position ? -1 : 1)
  // Stable: the delete of a row that moves stays before its update.
  for (const line of [...copied, ...since].sort(inOrder)) apply({ rows, moved }, table, line)
  return rows
}

async function snapshotLines(store: Store, folder: string, total: Folded): Promise<{ lines: Line[]; begin: string }> {
  const lines: Line[] = []
  const generations = new Set<string>()
  let begin = ''
  for (const name of await store.list(folder)) {
    const { metadata, rows } = await readAll(store, `${folder}/${name}`)
    generations.add(name.slice(0, name.lastIndexOf('-')))
    if ((metadata['millrace.begin'] ?? '') > begin) begin = metadata['millrace.begin'] ?? ''
    total.files++
    for (const cells of rows) lines.push({ position: metadata['millrace.position'] ?? '', ordinal: -1, op: 'read', own: {}, cells })
  }
  if (generations.size > 1) total.differing.push(`${folder} holds the copies ${[...generations].join(', ')}`)
  return { lines, begin }
}

async function changeLines(store: Store, folder: string, total: Folded): Promise<Line[]> {
  const met = new Set<string>()
  const lines: Line[] = []
  let last = ''
  for (const name of await store.list(folder)) {
    const { rows } = await readAll(store, `${folder}/${name}`)
    total.files++
    for (const row of rows) {
      const { _op, _position, _ordinal, _commit_time, _unchanged, _old_key, ...cells } = row
      const line = {
        position: String(_position),
        ordinal: Number(_ordinal),
        op: String(_op),
        own: { _unchanged: _unchanged ?? null, _old_key: _old_key ?? null },
        cells,
      }
      const place = `${line.position} ${String(line.ordinal).padStart(12, '0')}`
      if (met.has(`${place} ${line.op}`)) total.repeated++
      if (place < last) total.differing.push(`${folder}/${name} goes back to ${place}`)
      met.add(`${place} ${line.op}`)
      last = place
      lines.push(line)
      total.lines++
    }
  }
  return lines
}

async function readAll(store: Store, path: string): Promise<{ metadata: Readonly<Record<string, string>>; rows: Cells[] }> {
  await using file = await store.open(path)
  const footer = await readFooter(file)
  const types = new Map(
    (JSON.parse(footer.metadata['millrace.columns'] ?? '[]') as { name: string; type: LogicalType }[]).map(({ name, type }) => [
      name,
      type,
    ]),
  )
  const rows: Cells[] = []
  for await (const some of readRows(file, footer))
    for (const row of some)
      rows.push(Object.fromEntries(footer.columns.map((name, at) => [name, whole(types.get(name), row[at] as Value)])))
  return { metadata: footer.metadata, rows }
}

function whole(type: LogicalType | undefined, value: Value): Value {
  return typeof value === 'string' && (type?.kind === 'composite' || type?.kind === 'map') ? (JSON.parse(value) as Value) : value
}

/** `moved`: rows that were deleted last under each key. */
function apply({ rows, moved }: Record<'rows' | 'moved', Map<string, Cells>>, table: Table, { op, own, cells }: Line): void {
  if (op === 'truncate') return rows.clear()
  const key = keyOf(table, cells)
  if (op === 'delete') {
    // Kept for an update that moves it, whose unchanged values lie here.
    moved.set(key, rows.get(key) ?? {})
    rows.delete(key)
    return
  }
  const oldKey = (own._old_key ?? null) === null ? key : keyOf(table, JSON.parse(String(own._old_key)) as Cells)
  const old = oldKey === key ? rows.get(key) : moved.get(oldKey)
  const unchanged = (own._unchanged ?? []) as string[]
  rows.set(key, { ...cells, ...Object.fromEntries(unchanged.map((name) => [name, old?.[name] ?? null])) })
}

function keyOf(table: Table, cells: Cells): string {
  return table.key.map((at) => String(cells[table.columns[at]?.name ?? ''])).join('/')
}

function cellsOf(table: Table, row: Row): Cells {
  return Object.fromEntries(table.columns.map(({ name }, at) => [name, row[at] as Value]))
}

/** Columns added later are not in files of before: what rows held then is not compared. */
function takeEqual(rows: Map<string, Cells>, table: Table, row: Row): boolean {
  const expected = cellsOf(table, row)
  const key = keyOf(table, expected)
  const found = rows.get(key)
  rows.delete(key)
  return (
    found !== undefined &&
    Object.entries(found).every(([name, value]) => !(name in expected) || canonicalEquals(value, expected[name] ?? null))
  )
}
