import type { Chunk } from '../contracts/source.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { createDeferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { audienceOf, type SnapshotContext } from './snapshot-context.ts'
import { completeKeys, readKeys } from './snapshot-keys.ts'
import { endOf, withChunks, type Plan } from './snapshot-plan.ts'
import { deliverChunk, retrying } from './snapshot-read.ts'

/** Past so many incomplete keys they are read while block ranges are still being copied: their number stays bounded. */
const KEYS_AT_ONCE = 1000
/** A worker waits until its chunk was handed out; more workers than readers let reading go on meanwhile, as far as memory allows. */
const WORKERS_PER_READER = 3

export type TableCopy = {
  table: Table
  plan: Plan
  /** The sinks that still need it. */
  sinks: readonly string[]
  /** Resolves when everything delivered before the table was followed is visible. */
  ready: Promise<void>
}

/**
 * Copies one table with a key: block ranges, then incomplete keys until none is left, then the end of the generation.
 * The table is followed by the merge since before its plan was made: no change since then can be missed by both.
 */
export async function copyTable(context: SnapshotContext, copy: TableCopy, signal: AbortSignal): Promise<void> {
  const { table, sinks } = copy
  const state = { plan: copy.plan, done: 0 }
  context.copied.begin(table.id, copy.plan.generation)
  if (state.plan.chunks === null) state.plan = await makePlan(context, { table, plan: state.plan, leaf: null }, signal)
  await orAborted(copy.ready, signal)
  const { generation } = state.plan
  const rank = state.plan.chunks?.length ?? 0
  await copyBlocks(context, { table, sinks, rank, state }, signal)
  // Every block range was handed out: a row that is not marked now is held whole.
  context.merge.memory(table.id)?.incomplete.endOfBlocks()
  await completeKeys(context, { table, generation, sinks, rank }, signal)
  await endGeneration(context, { table, plan: state.plan, sinks }, signal)
  context.copied.end(table.id)
  context.progress({ event: 'done', table: tableName(table), ...context.copied.of(table.id) })
}

/**
 * Hands out the begin, in the same moment in which the merge begins to follow the table: whatever a chunk's row is dropped for was then
 * delivered after the begin, so a sink that at the end deletes what was not delivered since keeps every row that is there.
 */
export function beginGeneration(
  context: SnapshotContext,
  { table, plan, sinks }: { table: Table; plan: Plan; sinks: readonly string[] },
): void {
  const { generation, fresh } = plan
  const described = context.merge.describe(table.id) ?? table
  const audience = audienceOf(context, sinks)
  context.merge.control({ kind: 'control', event: 'snapshot-begin', table: described, generation, fresh, audience })
  context.wake()
}

/** Hands out the end and waits until it is out. */
export async function endGeneration(
  context: SnapshotContext,
  { table, plan, sinks }: { table: Table; plan: Plan; sinks: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const { promise: out, resolve } = createDeferred<void>()
  const chunk = endOf(table, plan)
  const described = context.merge.describe(table.id) ?? table
  const audience = audienceOf(context, sinks)
  context.merge.control({ kind: 'control', event: 'snapshot-end', table: described, generation: plan.generation, chunk, audience }, resolve)
  context.wake()
  await orAborted(out, signal)
  for (const sink of context.sinks) if (sinks.includes(sink.name)) sink.chunks.add(chunk)
}

type CopyState = { plan: Plan; done: number }
type BlocksCopy = { table: Table; sinks: readonly string[]; rank: number; state: CopyState }

async function copyBlocks(context: SnapshotContext, { table, sinks, rank, state }: BlocksCopy, signal: AbortSignal): Promise<void> {
  const lacking = (chunk: Chunk) => context.sinks.filter((sink) => sinks.includes(sink.name) && !sink.chunks.has(chunk.id))
  const queue = (state.plan.chunks ?? []).filter((chunk) => lacking(chunk).length > 0)
  const planned = () => state.plan.chunks?.length ?? 0
  state.done = planned() - queue.length
  const rowEstimate = state.plan.chunks?.reduce((sum, chunk) => sum + chunk.rowEstimate, 0) ?? 0
  const { copied } = context
  const planNews = { chunks: planned(), chunksDone: state.done, rowEstimate, ...copied.of(table.id) }
  context.progress({ event: 'planned', table: tableName(table), ...planNews })
  const replanning = new Map<string, Promise<void>>()
  let keysUnderWay: Promise<void> | null = null

  /** The leaf lies in another file now: where its rows lie says nothing any more about where they lay. All of it is planned anew. */
  const replan = async (leaf: string) => {
    const before = state.plan.chunks ?? []
    state.plan = await makePlan(context, { table, plan: state.plan, leaf }, signal)
    for (let index = queue.length - 1; index >= 0; index--) if (queue[index]?.leaf === leaf) queue.splice(index, 1)
    queue.push(...(state.plan.chunks ?? []).filter((chunk) => !before.includes(chunk)))
    state.done = planned() - queue.length
    copied.keep(table.id, state.plan.chunks?.map((chunk) => chunk.id) ?? [])
  }
  const onMoved = async (chunk: Chunk) => {
    await replanning.get(chunk.leaf)
    // Another chunk of the leaf found it out first.
    if (!state.plan.chunks?.includes(chunk)) return
    const replanned = replan(chunk.leaf)
    replanning.set(chunk.leaf, replanned)
    await replanned
  }
  const work = async () => {
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
      const names = lacking(chunk).map((sink) => sink.name)
      const delivered = await deliverChunk(context, { chunk, audience: audienceOf(context, names), asked: null, rank }, signal)
      if (delivered === 'moved') await onMoved(chunk)
      else {
        copied.set(table.id, chunk.id, delivered)
        state.done++
        const counts = { ...copied.of(table.id), chunksDone: state.done, chunksPlanned: planned() }
        context.progress({ event: 'chunk', table: tableName(table), ...counts })
      }
      await keysInBetween()
    }
  }
  const keysInBetween = async () => {
    if ((context.merge.memory(table.id)?.incomplete.keys.size ?? 0) < KEYS_AT_ONCE) return
    const { generation } = state.plan
    keysUnderWay ??= readKeys(context, { table, generation, sinks, rank }, signal).finally(() => (keysUnderWay = null))
    await keysUnderWay
  }
  await Promise.all(Array.from({ length: context.parallel * WORKERS_PER_READER }, work))
}

/** Plans the table, or one leaf of it anew, and writes the plan down before anything of it is read. */
async function makePlan(
  context: SnapshotContext,
  { table, plan, leaf }: { table: Table; plan: Plan; leaf: string | null },
  signal: AbortSignal,
): Promise<Plan> {
  const { source, chunkBytes, plans, pool } = context
  const planned = await retrying(
    context,
    async () => {
      const lease = await pool.enter(-1, 0, signal)
      try {
        return await orAborted(source.snapshots.plan(table, { generation: plan.generation, chunkBytes }), signal)
      } finally {
        lease.release()
      }
    },
    signal,
  )
  // A leaf under a name not planned before may be the same under a new name: it is read too.
  const kept = new Set(plan.chunks?.map((chunk) => chunk.leaf))
  const chunks = leaf === null ? planned : planned.filter((chunk) => chunk.leaf === leaf || !kept.has(chunk.leaf))
  const made = withChunks(table, plan, chunks, leaf)
  await plans.save(table, made)
  return made
}
