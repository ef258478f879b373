import type { Position } from '../contracts/position.ts'
import type { Table } from '../contracts/table.ts'

/** How the sinks were last told that each table looks, and since where in the log. */
export type SchemaTrack = {
  current(tableId: number): Table | undefined
  /** A description from the catalogue, before the log said anything: kept only where nothing is known. */
  meet(table: Table): void
  /** What the log says from `since` on; false where the sinks know it already. */
  change(table: Table, since: Position): boolean
  /** Which is newer, the chunk's description or the stream's? A change of shape waits for those who write the table, so the log orders them. */
  compare(table: Table, high: Position): 'same' | 'chunk' | 'stream'
  /** The chunk's description is told to the sinks; returns the one before. */
  adopt(table: Table, high: Position): Table | null
  drop(tableId: number): void
}

export function createSchemaTrack(): SchemaTrack {
  const tables = new Map<number, { table: Table; since: Position; told: boolean }>()
  return {
    current: (tableId) => tables.get(tableId)?.table,
    meet(table) {
      if (!tables.has(table.id)) tables.set(table.id, { table, since: '', told: false })
    },
    change(table, since) {
      const before = tables.get(table.id)
      tables.set(table.id, { table, since, told: true })
      return !(before?.told && before.table.version === table.version)
    },
    compare(table, high) {
      const now = tables.get(table.id)
      if (!now?.told) return 'chunk'
      if (now.table.version === table.version) return 'same'
      return now.since > high ? 'stream' : 'chunk'
    },
    adopt(table, high) {
      const before = tables.get(table.id)
      tables.set(table.id, { table, since: high, told: true })
      return before?.told ? before.table : null
    },
    drop: (tableId) => void tables.delete(tableId),
  }
}

/** Whether both descriptions name rows by the same columns. */
export function hasSameKey(one: Table, other: Table): boolean {
  const ids = (table: Table) => table.key.map((index) => table.columns[index]?.id).join()
  return ids(one) === ids(other)
}
