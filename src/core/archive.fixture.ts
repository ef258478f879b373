import type { Archive, ArchiveRows, Catalog, ConsistentSnapshot, SnapshotTable } from '../contracts/archive.ts'
import { tableName, type Table } from '../contracts/table.ts'

/** A source's tables by name, each a list of chunks, each so many rows. What a test does to it is by its fields. */
export type Stage = {
  tables: Record<string, readonly number[]>
  /** What the source counts, where it is not what it sends. */
  counts?: Record<string, number>
  /** Called before each piece is read. */
  onRead?(table: string): void | Promise<void>
  onHeld?(): void
  refused?: ConsistentSnapshot['refused']
}

export function stagedSnapshot(stage: Stage): ConsistentSnapshot {
  const tables = Object.entries(stage.tables).map(([name, chunks]): SnapshotTable => ({
    table: tableOf(name),
    chunks: chunks.map((rows) => ({ what: rows, rowEstimate: rows })),
    what: name,
  }))
  return {
    position: '00000000000000AA',
    tables,
    refused: stage.refused ?? [],
    count: async ({ what }) => stage.counts?.[String(what)] ?? stage.tables[String(what)]!.reduce((sum, rows) => sum + rows, 0),
    async *read({ table, what }, chunk) {
      await stage.onRead?.(String(what))
      yield rowsOf(table, Number(chunk.what))
    },
    assertHeld: async () => stage.onHeld?.(),
    [Symbol.asyncDispose]: async () => {},
  }
}

export type KeptArchive = { rows: number; files: number; catalog: Catalog | null }

/** Archives in memory, by `table/id`. `fails` throws where it is asked to. */
export function memoryArchive(
  fails: (act: 'write' | 'finish' | 'seal', table: string) => void = () => {},
): Archive & { kept: Map<string, KeptArchive> } {
  const kept = new Map<string, KeptArchive>()
  return {
    kept,
    ending: '.memory',
    async begin(table, id) {
      const path = `${tableName(table)}/${id}`
      const own = () => {
        const found = kept.get(path) ?? { rows: 0, files: 0, catalog: null }
        kept.set(path, found)
        return found
      }
      return {
        path,
        example: null,
        schema: table.columns.map(({ name, sourceType, nullable }) => ({ name, type: sourceType, nullable, stored: name })),
        async write(rows) {
          fails('write', tableName(table))
          own().rows += rows.rowCount
        },
        async finish() {
          fails('finish', tableName(table))
          own().files = 1
          return [{ name: 'part', rows: own().rows, bytes: 10, sha256: '' }]
        },
        async seal(catalog) {
          fails('seal', tableName(table))
          own().catalog = catalog
        },
        discard: async () => void kept.delete(path),
      }
    },
    async *list() {},
    inspect: () => Promise.reject(new Error('nothing to inspect')),
    [Symbol.asyncDispose]: async () => {},
  }
}

function tableOf(label: string): Table {
  const [schema = '', name = ''] = label.split('.')
  return { schema, name, id: 1, version: 'v', columns: [], key: [], identity: 'nothing' }
}

function rowsOf(table: Table, rowCount: number): ArchiveRows {
  return { table, rowCount, bytes: rowCount * 10, rows: () => [], columns: () => ({ rowCount, vectors: [] }) }
}
