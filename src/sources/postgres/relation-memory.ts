import type { SourceContext } from '../../contracts/definition.ts'
import type { Position } from '../../contracts/position.ts'
import type { Table } from '../../contracts/table.ts'
import type { CatalogueTable } from './catalogue.ts'
import { adoptLeaves, hasSameLeaves, leavesOf, strangersAmong, type FindEmpty } from './leaf-memory.ts'
import { excludedFrom, isAlteredInNewFiles, isRewritten, stampsOf, type Known } from './relation.ts'

type State = SourceContext['state']

/**
 * What the pipeline's tables were, at the last position that every sink holds. A change of a table is told only by the
 * next relation message, which may come days and restarts later; without this memory it would have nothing to differ from,
 * and rows that were rewritten meanwhile would stay as they were in the sinks.
 *
 * A description is stored only once a position behind it is acknowledged: whoever starts from an earlier one meets the
 * same change again.
 */
export type RelationMemory = {
  /**
   * Takes what is stored, and remembers tables met for the first time as they are now: before they are copied.
   * Returns those of which other rows or columns are sent than were: they must be read again.
   */
  start(tables: readonly CatalogueTable[], findEmpty?: FindEmpty): Promise<readonly Table[]>
  /** Which of these tables an earlier start remembered. */
  remembered(ids: readonly number[]): Promise<readonly number[]>
  previous(id: number): Known | null
  /** Those of these tables whose stored rows were written anew since they were noted, or came or went with a partition. */
  rewritten(tables: readonly CatalogueTable[]): readonly CatalogueTable[]
  /** `behind`: a position behind the one where this was told. */
  note(id: number, known: Known, behind: Position): void
  acknowledged(position: Position): void
  forget(): Promise<void>
}

const KEY = 'postgres/relations'

export function createRelationMemory(state: State, failed: (error: unknown) => void): RelationMemory {
  /** As of the log read so far. */
  const current = new Map<number, Known>()
  /** As of the acknowledged position. */
  let stored: Record<string, Known> = {}
  let isLoaded = false
  let pending: { id: number; known: Known; behind: Position }[] = []

  const save = () => state.set({ [KEY]: stored })
  const load = async () => {
    if (isLoaded) return
    stored = ((await state.get(KEY)) ?? {}) as Record<string, Known> // written by this file only
    for (const [id, known] of Object.entries(stored)) current.set(Number(id), known)
    isLoaded = true
  }

  return {
    async start(tables, findEmpty = async () => new Set()) {
      await load()
      const before = JSON.stringify(stored)
      const present = new Set(tables.map((table) => String(table.table.id)))
      stored = Object.fromEntries(Object.entries(stored).filter(([id]) => present.has(id)))
      const empty = await findEmpty(tables.flatMap((table) => strangersAmong(table, current.get(table.table.id)?.leaves ?? null)))
      for (const table of tables) {
        const id = table.table.id
        const known = current.get(id)
        const next = carriedOver(known, table, empty)
        // The same object while it is the same: whoever waits to tell of it looks whether something was told meanwhile.
        if (JSON.stringify(known) !== JSON.stringify(next)) current.set(id, next)
        const kept = carriedOver(stored[id], table, empty)
        // What was told of partitions counts once it is acknowledged, and not before by what they have become meanwhile.
        const isTold = pending.some((one) => one.id === id)
        stored[id] = isTold ? { ...kept, leaves: (stored[id] ?? kept).leaves } : kept
      }
      if (JSON.stringify(stored) !== before) await save()
      return tables.filter((table) => isSentOtherwise(table, current.get(table.table.id))).map((table) => table.table)
    },
    async remembered(ids) {
      await load()
      return ids.filter((id) => stored[id] !== undefined)
    },
    previous: (id) => current.get(id) ?? null,
    rewritten: (tables) =>
      tables.filter((table) => {
        const before = current.get(table.table.id)
        return before !== undefined && (isRewritten(knownOf(table), before) || !hasSameLeaves(before.leaves, leavesOf(table)))
      }),
    note(id, known, behind) {
      const lean = storable(known)
      current.set(id, lean)
      if (JSON.stringify(stored[id]) !== JSON.stringify(lean)) pending.push({ id, known: lean, behind })
    },
    acknowledged(position) {
      const settled = pending.filter((one) => one.behind <= position)
      if (settled.length === 0) return
      pending = pending.filter((one) => one.behind > position)
      stored = { ...stored, ...Object.fromEntries(settled.map(({ id, known }) => [id, known])) }
      save().catch(failed)
    },
    async forget() {
      current.clear()
      stored = {}
      pending = []
      await state.delete(KEY)
    },
  }
}

/**
 * The same table in other files (VACUUM FULL, TRUNCATE), or with a column altered in the same files (a default):
 * remembered, or the next change of the other kind would look like a rewrite.
 */
function isOnlyMoved(before: Known | undefined, now: Known): boolean {
  if (before === undefined || before.table.version !== now.table.version || before.rowFilter !== now.rowFilter) return false
  return !isAlteredInNewFiles(now, before)
}

/** What is remembered of a table, after what needs no telling. */
function carriedOver(before: Known | undefined, table: CatalogueTable, empty: ReadonlySet<number>): Known {
  const now = storable(knownOf(table))
  if (!before) return now
  return { ...(isOnlyMoved(before, now) ? now : before), leaves: adoptLeaves(before.leaves, table, empty) }
}

/** A table as it is sent now. */
export function knownOf(table: CatalogueTable): Known {
  const { storage, rowFilter } = table
  return { table: table.table, storage, rowFilter, excluded: excludedFrom(table), stamps: stampsOf(table), leaves: leavesOf(table) }
}

/** Another filter, or a column that was there and left out before: what was read is not what is sent now. */
export function isSentOtherwise(table: CatalogueTable, before: Known | undefined): boolean {
  if (!before) return false
  return table.rowFilter !== before.rowFilter || table.table.columns.some((column) => before.excluded.includes(column.id))
}

/** Values of columns added once are for sinks, not for telling a change; and they are no JSON. */
function storable(known: Known): Known {
  return { ...known, table: { ...known.table, columns: known.table.columns.map(({ missing: _, ...column }) => column) } }
}
