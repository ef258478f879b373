import { readFooter, readRows } from '../../codecs/parquet/read-file.ts'
import type { LogicalType, Row, Table, Value } from '../../contracts/table.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { CHANGE_COLUMNS } from './change-columns.ts'
import type { Store } from './store.ts'

type Read = { position: string; ordinal: number; line: string }

/** What lies in the files of one table, as the lines of the plain format in the order of the log. */
export async function linesIn(store: Store, table: Table): Promise<string[]> {
  const folder = tableFolder(table)
  const lines: Read[] = []
  for (const name of await store.list(`${folder}/snapshot`))
    lines.push(...(await snapshotLines(store, table, `${folder}/snapshot/${name}`)))
  for (const name of await store.list(`${folder}/changes`)) lines.push(...(await changeLines(store, table, `${folder}/changes/${name}`)))
  const inOrder = (a: Read, b: Read) => (a.position === b.position ? a.ordinal - b.ordinal : a.position < b.position ? -1 : 1)
  return lines.sort(inOrder).map(({ line }) => line)
}

async function snapshotLines(store: Store, table: Table, path: string): Promise<Read[]> {
  const { rows, metadata, shape } = await readAll(store, table, path)
  const at = { position: metadata['millrace.position'] ?? '', chunk: metadata['millrace.chunk'] ?? '' }
  // Rows of a chunk come before the changes that begin at its position.
  return rows.map((row) => ({ position: at.position, ordinal: -1, line: createPlainFormat().readLine(shape, row, at).trimEnd() }))
}

async function changeLines(store: Store, table: Table, path: string): Promise<Read[]> {
  const { rows, shape } = await readAll(store, table, path)
  const format = createPlainFormat()
  const changes = rows.map((row) => ({
    op: row[0] as string,
    position: row[1] as string,
    ordinal: Number(row[2]),
    row: row.slice(CHANGE_COLUMNS.length),
  }))
  // The delete of a row that moves to another key goes before its update.
  const isMoved = (at: number) =>
    changes[at]?.op === 'delete' && changes[at + 1]?.op === 'update' && changes[at]?.ordinal === changes[at + 1]?.ordinal
  return changes
    .filter((_, at) => !isMoved(at))
    .map(({ op, position, ordinal, row }) => ({
      position,
      ordinal,
      line: format.changeLine(asChange({ op, position, ordinal, row }, shape)).trimEnd(),
    }))
}

function asChange({ op, position, ordinal, row }: { op: string; position: string; ordinal: number; row: Row }, table: Table) {
  const rows = op === 'delete' ? { before: row, after: null } : { before: null, after: row }
  return { op, table, ...rows, oldKey: null, ordinal, tx: { position, xid: 0, commitTimeUs: 0 } } as Parameters<
    ReturnType<typeof createPlainFormat>['changeLine']
  >[0]
}

async function readAll(store: Store, table: Table, path: string) {
  await using file = await store.open(path)
  const { metadata } = await readFooter(file)
  const columns = JSON.parse(metadata['millrace.columns'] ?? '[]') as { name: string; type: LogicalType }[]
  const own = metadata['millrace.kind'] === 'changes' ? CHANGE_COLUMNS.length : 0
  const rows: Row[] = []
  for await (const some of readRows(file))
    rows.push(...some.map((row) => row.map((value, at) => whole(columns[at - own]?.type, value as Value))))
  // The plain format looks at names and types only.
  return { rows, metadata, shape: { ...table, columns } as unknown as Table }
}

/** What a file holds as JSON text, but for JSON itself. */
function whole(type: LogicalType | undefined, value: Value): Value {
  const isText = type?.kind === 'composite' || type?.kind === 'map'
  return isText && typeof value === 'string' ? (JSON.parse(value) as Value) : value
}
