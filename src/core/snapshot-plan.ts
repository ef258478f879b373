import type { ChunkId } from '../contracts/position.ts'
import type { Chunk } from '../contracts/source.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { tableName, type Table } from '../contracts/table.ts'

/**
 * The fact `plans/<schema.table>`: the newest generation of a table's copy. It is written before anything of the generation is read, and its
 * chunks stay until every sink holds its end: what a restart reads is what the sinks' records do not name.
 */
export type Plan = {
  tableId: number
  generation: string
  /** The sinks it is for. */
  sinks: readonly string[]
  fresh: boolean
  /** Null: wanted, not planned yet. */
  chunks: readonly Chunk[] | null
  /** The number of the next chunk: never used again, also where a leaf is planned anew. */
  next: number
}

/** What one sink has finished, by its durable record. */
export type SinkChunks = { name: string; chunks: ReadonlySet<ChunkId> }

/** - `none`: every sink holds the table. - `resume`: go on with the plan, for these sinks. - `anew`: a new generation for these. */
export type Decision = { act: 'none' } | { act: 'resume'; plan: Plan; sinks: readonly string[] } | { act: 'anew'; sinks: readonly string[] }

/**
 * Whether a table is copied, and how. A plan can be resumed by the sinks that were in it from its beginning: they have had every change
 * since. A sink that joined later has not had the changes that moved rows out of the plan's blocks: it needs a generation of its own.
 * A table without a key is copied in one snapshot: it always begins anew.
 */
export function decideCopy(table: Table, plan: Plan | null, sinks: readonly SinkChunks[]): Decision {
  const current = plan?.tableId === table.id ? plan : null
  const isInPlan = (sink: SinkChunks) => current !== null && current.sinks.includes(sink.name) && !sink.chunks.has(endOf(table, current))
  const needing = sinks.filter((sink) => isInPlan(sink) || !holds(sink, table))
  const names = needing.map((sink) => sink.name)
  if (needing.length === 0) return { act: 'none' }
  // Its changes are held for every sink, and those that the copy shows are dropped: so every sink gets the copy.
  if (table.key.length === 0) return { act: 'anew', sinks: sinks.map((sink) => sink.name) }
  const canResume = current?.chunks && names.every((name) => current.sinks.includes(name))
  return canResume ? { act: 'resume', plan: current, sinks: names } : { act: 'anew', sinks: names }
}

/** A new generation. Its name begins with the table's number, so that a table made again under an old name is not taken for the old one. */
export function newPlan(table: Table, before: Plan | null, sinks: readonly string[], known: readonly SinkChunks[]): Plan {
  const last = before === null ? 0 : Number.parseInt(before.generation.split('-')[1] ?? '0', 36)
  const generation = `${table.id}-${Math.max(Date.now(), last + 1).toString(36)}`
  const prefix = `${tableName(table)}/`
  const hasSome = (sink: SinkChunks) => [...sink.chunks].some((id) => id.startsWith(prefix))
  const fresh = !known.some((sink) => sinks.includes(sink.name) && (hasSome(sink) || before?.sinks.includes(sink.name)))
  return { tableId: table.id, generation, sinks, fresh, chunks: null, next: 0 }
}

/** The plan with these chunks in place of those of the same leaves, under numbers of their own. */
export function withChunks(table: Table, plan: Plan, chunks: readonly Chunk[], replaced: string | null): Plan {
  const kept = plan.chunks?.filter((chunk) => chunk.leaf !== replaced) ?? []
  const added = chunks.map((chunk, index) => ({ ...chunk, id: chunkId(table, plan, String(plan.next + index)) }))
  return { ...plan, chunks: [...kept, ...added], next: plan.next + chunks.length }
}

export function chunkId(table: Table, plan: Pick<Plan, 'generation'>, last: string): ChunkId {
  return `${tableName(table)}/${plan.generation}/${last}`
}

export function endOf(table: Table, plan: Pick<Plan, 'generation'>): ChunkId {
  return chunkId(table, plan, 'end')
}

export type Plans = {
  load(table: Table): Promise<Plan | null>
  save(table: Table, plan: Plan): Promise<void>
  drop(table: Table): Promise<void>
}

export function createPlans(state: Pick<StateStore, 'get' | 'set' | 'delete'>): Plans {
  const key = (table: Table) => `plans/${tableName(table)}`
  return {
    // Written by save.
    load: async (table) => ((await state.get(key(table))) as Plan | null | undefined) ?? null,
    save: (table, plan) => state.set({ [key(table)]: plan }),
    drop: (table) => state.delete(key(table)),
  }
}

function holds(sink: SinkChunks, table: Table): boolean {
  const prefix = `${tableName(table)}/${table.id}-`
  for (const id of sink.chunks) if (id.startsWith(prefix) && id.endsWith('/end')) return true
  return false
}
