import type { ChunkId } from '../contracts/position.ts'
import type { Clock } from './clock.ts'

export type Amount = { rows: number; bytes: number }

/**
 * What was copied in one run. Each chunk counts once, however often it was read: after a failure what was not durable is read again, and a
 * table that is copied anew counts with its newest generation alone.
 */
export type Copied = {
  /** A table's copy begins, or goes on under the generation known already. */
  begin(tableId: number, generation: string): void
  /** A chunk was handed out. Said again, it replaces what was said before. */
  set(tableId: number, chunk: ChunkId, amount: Amount): void
  /** The table's plan holds only these chunks now. */
  keep(tableId: number, chunks: readonly ChunkId[]): void
  /** The table's copy is over, or was given up. */
  end(tableId: number): void
  of(tableId: number): Amount
  /** `seconds`: how long some table was being copied. */
  total(): Amount & { tables: number; seconds: number }
}

type TableCopied = Amount & { generation: string; chunks: Map<ChunkId, Amount> }

export function createCopied(clock: Pick<Clock, 'now'>): Copied {
  const tables = new Map<number, TableCopied>()
  const active = new Set<number>()
  let activeSinceMs = 0
  let activeMs = 0

  const add = (table: TableCopied, { rows, bytes }: Amount, sign: 1 | -1) => {
    table.rows += sign * rows
    table.bytes += sign * bytes
  }
  const remove = (table: TableCopied, chunk: ChunkId) => {
    const before = table.chunks.get(chunk)
    if (before) add(table, before, -1)
    table.chunks.delete(chunk)
  }
  return {
    begin(tableId, generation) {
      if (tables.get(tableId)?.generation !== generation) tables.set(tableId, { generation, chunks: new Map(), rows: 0, bytes: 0 })
      if (active.size === 0) activeSinceMs = clock.now()
      active.add(tableId)
    },
    set(tableId, chunk, amount) {
      const table = tables.get(tableId)
      if (!table) return
      remove(table, chunk)
      table.chunks.set(chunk, amount)
      add(table, amount, 1)
    },
    keep(tableId, chunks) {
      const table = tables.get(tableId)
      const kept = new Set(chunks)
      for (const chunk of table?.chunks.keys() ?? []) if (table && !kept.has(chunk)) remove(table, chunk)
    },
    end(tableId) {
      if (active.delete(tableId) && active.size === 0) activeMs += clock.now() - activeSinceMs
    },
    of: (tableId) => ({ rows: tables.get(tableId)?.rows ?? 0, bytes: tables.get(tableId)?.bytes ?? 0 }),
    total() {
      const all = [...tables.values()]
      const sum = (of: (table: TableCopied) => number) => all.reduce((total, table) => total + of(table), 0)
      const seconds = (activeMs + (active.size > 0 ? clock.now() - activeSinceMs : 0)) / 1000
      return { tables: all.length, rows: sum((table) => table.rows), bytes: sum((table) => table.bytes), seconds }
    },
  }
}
