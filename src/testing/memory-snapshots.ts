import type { Position } from '../contracts/position.ts'
import type { ChunkRows, SnapshotReader } from '../contracts/source.ts'
import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

/** Rows of a table as it stands, cut into chunks of `chunkRows`. `reads` names the chunks that were read. */
export type MemoryTables = { rows(table: { id: number }): readonly Row[]; tables: readonly Table[]; chunkRows: number; reads: string[] }

/** Reads tables in memory: each chunk sees everything that was committed before it was asked for. */
export function createMemorySnapshots(tables: MemoryTables, head: () => Position, lastXid: () => number): SnapshotReader {
  const visibility = () => {
    const last = lastXid()
    return { sees: (xid: number) => xid <= last }
  }
  const describe = (id: number): Table => {
    const table = tables.tables.find((each) => each.id === id)
    if (table === undefined) throw new Error(`no table ${id}`)
    return table
  }

  return {
    running: async () => [],
    visibility: async () => visibility(),
    holders: async () => [],
    async plan(table, { generation }) {
      const count = Math.max(1, Math.ceil(tables.rows(table).length / tables.chunkRows))
      return Array.from({ length: count }, (_, at) => ({
        id: `${table.schema}.${table.name}/${generation}/${at}`,
        table: { schema: table.schema, name: table.name, id: table.id },
        leaf: table.name,
        predicate: at,
        rowEstimate: tables.chunkRows,
      }))
    },
    keyChunk: (table, keys, id) => ({ id, table, leaf: table.name, predicate: keys, rowEstimate: keys.length }),
    async read(chunk, onVisibility) {
      onVisibility(visibility())
      tables.reads.push(chunk.id)
      const table = describe(chunk.table.id)
      return { rows: chunkRows(table, rowsOf(tables, table, chunk.predicate)), high: head() }
    },
    async *readWhole(chunk, onVisibility) {
      onVisibility(visibility())
      const table = describe(chunk.table.id)
      yield chunkRows(table, [...tables.rows(table)])
    },
  }
}

function rowsOf(tables: MemoryTables, table: Table, predicate: unknown): Row[] {
  const rows = tables.rows(table)
  if (typeof predicate === 'number') return rows.slice(predicate * tables.chunkRows, (predicate + 1) * tables.chunkRows)
  const keyOf = createKeyOf(table)
  // A key chunk's predicate is the rows that `keyChunk` was given.
  const wanted = new Set((predicate as readonly Row[]).map(keyOf))
  return rows.filter((row) => wanted.has(keyOf(row)))
}

function chunkRows(table: Table, rows: readonly Row[]): ChunkRows {
  const keyOf = createKeyOf(table)
  return {
    table,
    rowCount: rows.length,
    bytes: rows.length * 100,
    rows: () => rows,
    columns: () => ({
      rowCount: rows.length,
      vectors: table.columns.map((_, column) => ({ form: 'values' as const, values: rows.map((row) => row[column] ?? null) })),
    }),
    key: (index) => keyOf(rows[index] ?? []),
    filter: (keep) =>
      chunkRows(
        table,
        rows.filter((_, index) => keep[index] === 1),
      ),
  }
}
