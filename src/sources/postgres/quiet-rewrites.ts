import type { ChangesBatch } from '../../contracts/batch.ts'
import type { Position } from '../../contracts/position.ts'
import type { SourceControl } from '../../contracts/source.ts'
import type { CatalogueTable } from './catalogue.ts'
import type { Known } from './relation.ts'
import { knownOf, type RelationMemory } from './relation-memory.ts'

/**
 * Tables that were rewritten and that nobody writes since, or that a partition came to or left with its rows: the log says nothing of either, so the catalogue is compared
 * with what is remembered, and the stream tells it once it has passed the moment of the comparison. Not earlier: before
 * that come changes of the table as it was, and perhaps the very message that tells the rewrite.
 */
export function createQuietRewrites(memory: RelationMemory) {
  let waiting: { table: CatalogueTable; before: Known | null; after: Position }[] = []

  const controlsAt = (end: Position): SourceControl[] => {
    const due = waiting.filter(({ after }) => after <= end)
    if (due.length === 0) return []
    waiting = waiting.filter(({ after }) => after > end)
    // Where a message came meanwhile it was described from a newer catalogue, and told what there was to tell.
    const quiet = due.filter(({ table, before }) => memory.previous(table.table.id) === before)
    return quiet.map(({ table, before }) => {
      // Behind every position up to here: what holds `end` need not have heard of this yet.
      memory.note(table.table.id, knownOf(table), `${end}:`)
      const previous = before?.table ?? null
      return { kind: 'control', event: 'schema', log: '', table: table.table, previous, end, carry: '', audience: null, reread: true }
    })
  }

  return {
    /** `after`: an end of the log read later than these tables were. Returns whether something waits for the stream. */
    notice(tables: readonly CatalogueTable[], after: Position): boolean {
      const known = new Set(waiting.map(({ table }) => table.table.id))
      const found = memory.rewritten(tables).filter((table) => !known.has(table.table.id))
      waiting.push(...found.map((table) => ({ table, before: memory.previous(table.table.id), after })))
      return waiting.length > 0
    },
    async *through(stream: AsyncIterable<ChangesBatch | SourceControl>, from: Position): AsyncGenerator<ChangesBatch | SourceControl> {
      let last = from
      if (from.length === 16) yield* controlsAt(from)
      for await (const item of stream) {
        if (waiting.length === 0 || item.kind === 'control' || !item.betweenTransactions) yield item
        else if (item.changes.length > 0) {
          yield item
          yield* controlsAt(item.end)
        } else {
          // Nothing lies between the two ends: told first, it is heard by whoever waits for the second.
          for (const control of controlsAt(item.end)) yield { ...control, end: last }
          yield item
        }
        last = item.end
      }
    },
  }
}
