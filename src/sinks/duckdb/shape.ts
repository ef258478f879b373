import type { Column, LogicalType, Table } from '../../contracts/table.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { duckTypeOf, type DuckType } from './column-type.ts'
import { foldName } from './quote.ts'

/** A column as this sink's table holds it. `widened`: see column-type.ts. */
export type StoredColumn = { id: number; name: string; type: LogicalType; widened: boolean }

/** What this sink knows of a table it made; `columns` in the order of the table in DuckDB, `key` as column ids. */
export type StoredTable = {
  id: number
  schema: string
  name: string
  version: string
  columns: readonly StoredColumn[]
  key: readonly number[]
  /** The generation of the snapshot that is open; null where none is. */
  generation: string | null
  /** Whether the keys delivered since its begin are kept, so that at its end the others are deleted. */
  tracked: boolean
  /** Whether a generation has ended, so that every row of the source's is here; not while the table is left out. */
  whole: boolean
  /** Whether the source dropped it, or the pipeline left it. Its rows stay until its name is needed. */
  gone: boolean
}

export type ShapeChange =
  | { kind: 'none'; next: StoredTable }
  /** In this order: drops, renames, `loosened` (no longer key), additions. */
  | { kind: 'alter'; next: StoredTable; dropped: string[]; renamed: { from: string; to: string }[]; loosened: string[]; added: Column[] }
  | { kind: 'rebuild'; next: StoredTable }

/**
 * How the stored table becomes `table`. Columns are the same where their ids are, whatever they are called.
 * Another key ends the tracking of the open generation: what was delivered is known by the old one. Nothing stale stays for
 * that: the core begins another generation, not fresh, right after it told of the key (core/snapshot.ts), tracked by the new.
 */
export function compareShape(stored: StoredTable, table: Table, options: { dirty: boolean }): ShapeChange {
  const kept = stored.columns.flatMap((old) => table.columns.filter(({ id }) => id === old.id).map((column) => ({ old, column })))
  const added = table.columns.filter(({ id }) => !stored.columns.some((old) => old.id === id))
  const columns = [
    ...kept.map(({ old, column }) => storedColumn(column, old.widened && old.type.kind === column.type.kind)),
    ...added.map((column) => storedColumn(column, false)),
  ]
  const described = { schema: table.schema, name: table.name, version: table.version, columns, key: keyIds(table), gone: false }
  const next: StoredTable = { ...stored, ...described, tracked: stored.tracked && stored.key.join() === described.key.join() }
  const dropped = stored.columns.filter((old) => !kept.some((pair) => pair.old === old)).map(({ name }) => name)
  const renamed = kept.filter(({ old, column }) => old.name !== column.name).map(({ old, column }) => ({ from: old.name, to: column.name }))
  const loosened = kept.filter(({ old }) => stored.key.includes(old.id) && !next.key.includes(old.id)).map(({ column }) => column.name)
  const retyped = kept.some(({ old }, at) => sqlTypeOf(old) !== sqlTypeOf(columns[at] ?? old))
  const moved = stored.schema !== table.schema || (stored.name !== table.name && foldName(stored.name) === foldName(table.name))
  const unchanged = dropped.length + renamed.length + loosened.length + added.length === 0 && stored.name === table.name
  if (unchanged && !retyped && !moved) return { kind: 'none', next }
  // DuckDB refuses, at COMMIT, to alter a table that this transaction updated or deleted from.
  const names = kept.map(({ old }) => old.name)
  if (options.dirty || retyped || moved || kept.length === 0 || clashes(names, renamed, added)) return { kind: 'rebuild', next }
  return { kind: 'alter', next, dropped, renamed, loosened, added }
}

/** The first description of a table. */
export function newShape(table: Table): StoredTable {
  const columns = table.columns.map((column) => storedColumn(column, false))
  return {
    id: table.id,
    schema: table.schema,
    name: table.name,
    version: table.version,
    columns,
    key: keyIds(table),
    generation: null,
    tracked: false,
    whole: false,
    gone: false,
  }
}

export function storedTypeOf({ type, widened }: StoredColumn): DuckType {
  return duckTypeOf(type, widened)
}

/** DuckDB's names know no case: such columns cannot both be there. */
export function refuseNameClash(sink: string, table: Table): void {
  const seen = new Map<string, string>()
  for (const { name } of table.columns) {
    const other = seen.get(foldName(name))
    if (other !== undefined) throw new MillraceError('SINK_NAME_CLASH', { sink, table: tableName(table), columns: `${other}, ${name}` })
    seen.set(foldName(name), name)
  }
}

function storedColumn({ id, name, type }: Column, widened: boolean): StoredColumn {
  return { id, name, type, widened }
}

function sqlTypeOf(column: StoredColumn): string {
  return storedTypeOf(column).sql
}

/** The types in DuckDB of the key's columns, in the key's order. */
export function keyTypes({ key, columns }: Pick<StoredTable, 'key' | 'columns'>): string[] {
  return key.flatMap((id) => columns.filter((column) => column.id === id).map(sqlTypeOf))
}

function keyIds(table: Table): number[] {
  return table.key.flatMap((at) => table.columns[at]?.id ?? [])
}

/** Whether a new name is one that another column still holds while the statements run one by one. */
function clashes(names: readonly string[], renamed: readonly { to: string }[], added: readonly Column[]): boolean {
  const present = new Set(names.map(foldName))
  return [...renamed.map(({ to }) => to), ...added.map(({ name }) => name)].some((name) => present.has(foldName(name)))
}
