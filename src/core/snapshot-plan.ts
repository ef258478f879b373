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
 * A table without a key is copied in one snapshot: it always begins anew. What was copied before changes were missed counts for nothing.
 */
export function decideCopy(table: Table, { plan, missed }: Past, sinks: readonly SinkChunks[]): Decision {
  const current = plan?.tableId === table.id && isAfter(plan.generation, missed) ? plan : null
  const isInPlan = (sink: SinkChunks) => current !== null && current.sinks.includes(sink.name) && !sink.chunks.has(endOf(table, current))
  const needing = sinks.filter((sink) => isInPlan(sink) || !holds(sink, table, missed))
  const names = needing.map((sink) => sink.name)
  if (needing.length === 0) return { act: 'none' }
  // Its changes are held for every sink, and those that the copy shows are dropped: so every sink gets the copy.
  if (table.key.length === 0) return { act: 'anew', sinks: sinks.map((sink) => sink.name) }
  const canResume = current?.chunks && names.every((name) => current.sinks.includes(name))
  return canResume ? { act: 'resume', plan: current, sinks: names } : { act: 'anew', sinks: names }
}

/**
 * A new generation. Its name begins with the table's number, so that a table made again under an old name is not taken for the old one,
 * and a table under a new name is known again.
 */
export function newPlan(table: Table, past: Past, sinks: readonly string[], known: readonly SinkChunks[]): Plan {
  const before = past.plan
  // After all that went before, whatever the clock says.
  const time = Math.max(Date.now(), timeOf(before?.generation ?? '') + 1, missedAt(past.missed) + 1)
  const generation = `${table.id}-${time.toString(36)}`
  const prefix = `${tableName(table)}/`
  const hasSome = (sink: SinkChunks) => [...sink.chunks].some((id) => id.startsWith(prefix) || isOfTable(id, table))
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

/** `missed`: the last moment at which the stream was read without the table, as generations count time; null where it never was. */
export type Past = { plan: Plan | null; missed: string | null }

export type Plans = {
  load(table: Table): Promise<Past>
  save(table: Table, plan: Plan): Promise<void>
  /** The table left: its plan goes, and that its changes are missed from here on is written down, also for sinks that are away now. */
  leave(table: Table): Promise<void>
  /** The same for every table that was ever copied and is not among these. */
  leaveAllBut(present: readonly Table[]): Promise<void>
}

export type PlanState = Pick<StateStore, 'get' | 'set' | 'delete' | 'keys'>

const PLANS = 'plans/'

export function createPlans(state: PlanState): Plans {
  const key = (table: Table) => PLANS + tableName(table)
  const missedKey = (tableId: number) => `missed/${tableId}`
  // Written by save.
  const read = async (name: string) => ((await state.get(name)) as Plan | null | undefined) ?? null
  const leave = async (name: string, tableId: number) => {
    const plan = await read(name)
    const isOwn = plan?.tableId === tableId
    await state.set({ [missedKey(tableId)]: Math.max(Date.now(), timeOf(isOwn ? plan.generation : '')).toString(36) })
    // By now the name may be another table's.
    if (isOwn) await state.delete(name)
  }
  return {
    load: async (table) => ({
      plan: await read(key(table)),
      missed: ((await state.get(missedKey(table.id))) as Past['missed'] | undefined) ?? null, // written by leave
    }),
    save: (table, plan) => state.set({ [key(table)]: plan }),
    leave: (table) => leave(key(table), table.id),
    async leaveAllBut(present) {
      const ids = new Set(present.map((table) => table.id))
      for (const name of await state.keys(PLANS)) {
        const plan = await read(name)
        if (plan && !ids.has(plan.tableId)) await leave(name, plan.tableId)
      }
    },
  }
}

function holds(sink: SinkChunks, table: Table, missed: Past['missed']): boolean {
  for (const id of sink.chunks) if (id.endsWith('/end') && isOfTable(id, table) && isAfter(generationOf(id), missed)) return true
  return false
}

/** By the table's number: its name may have changed since. */
function isOfTable(id: ChunkId, table: Table): boolean {
  return generationOf(id).startsWith(`${table.id}-`)
}

/** `<schema>.<table>/<generation>/<n>`; the names may hold anything, the last two parts hold no slash. */
function generationOf(id: ChunkId): string {
  return id.split('/').at(-2) ?? ''
}

function isAfter(generation: string, missed: Past['missed']): boolean {
  return timeOf(generation) > missedAt(missed)
}

function missedAt(missed: Past['missed']): number {
  return missed === null ? -1 : Number.parseInt(missed, 36)
}

function timeOf(generation: string): number {
  return Number.parseInt(generation.split('-')[1] ?? '', 36) || 0
}
