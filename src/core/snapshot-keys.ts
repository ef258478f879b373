import type { Row, Table } from '../contracts/table.ts'
import type { IncompleteKey } from './incomplete.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { audienceOf, type SnapshotContext } from './snapshot-context.ts'
import { chunkId } from './snapshot-plan.ts'
import { deliverChunk, retrying } from './snapshot-read.ts'

const KEYS_A_CHUNK = 500
const LONGEST_REST_MS = 500

/** `sinks`: those that copy the table. `generation` names the chunks. */
export type KeysRequest = { table: Table; generation: string; sinks: readonly string[]; rank: number }

/**
 * Reads the rows of incomplete keys until none is left. A newer change of the same row, with the same hole, can be delivered before the
 * chunk that was to fill it: then the row is dropped, its key is still marked, and it is read once more.
 */
export async function completeKeys(context: SnapshotContext, request: KeysRequest, signal: AbortSignal): Promise<void> {
  for (let round = 0; context.rules.rereads(round); round++) {
    const keys = incompleteKeys(context, request.table)
    if (keys.length === 0) return
    await readKeys(context, { ...request, keys }, signal)
    // Keys changed all the time are won by a reading that falls between two changes; resting costs less than racing.
    await context.clock.sleep(Math.min(round * 5, LONGEST_REST_MS), signal)
    signal.throwIfAborted()
  }
}

/** Reads what is incomplete now, once. */
export async function readKeys(
  context: SnapshotContext,
  request: KeysRequest & { keys?: readonly (readonly [string, IncompleteKey])[] },
  signal: AbortSignal,
): Promise<void> {
  const { table, generation, sinks, rank, keys = incompleteKeys(context, table) } = request
  const described = context.merge.describe(table.id) ?? table
  const portions = Array.from({ length: Math.ceil(keys.length / KEYS_A_CHUNK) }, (_, index) =>
    keys.slice(index * KEYS_A_CHUNK, (index + 1) * KEYS_A_CHUNK),
  )
  await Promise.all(
    portions.map(async (portion) => {
      const rows: Row[] = portion.map(([, mark]) => mark.row)
      const chunkOf = (named: Table) => context.source.snapshots.keyChunk(named, rows, chunkId(table, { generation }, uniqueName()))
      const audience = portion.some(([, mark]) => mark.everyone) ? null : audienceOf(context, sinks)
      const request = { audience, asked: portion.map(([key]) => key), rank }
      const delivered = await deliverChunk(context, { ...request, chunk: chunkOf(described) }, signal)
      if (delivered !== 'moved') return
      const named = await namedNow(context, described, signal)
      if (named) await deliverChunk(context, { ...request, chunk: chunkOf(named) }, signal)
    }),
  )
}

/** The stream tells a new name only with the next change, which may never come: a plan names the table as it is. Null where it is gone. */
async function namedNow(context: SnapshotContext, table: Table, signal: AbortSignal): Promise<Table | null> {
  const { source, chunkBytes } = context
  const ask = () => orAborted(source.snapshots.plan(table, { generation: 'name', chunkBytes }), signal)
  const [chunk] = await retrying(context, ask, signal)
  return chunk ? { ...table, schema: chunk.table.schema, name: chunk.table.name } : null
}

function incompleteKeys({ merge }: SnapshotContext, table: Table): readonly (readonly [string, IncompleteKey])[] {
  return [...(merge.memory(table.id)?.incomplete.keys ?? [])]
}

/** Never used before, in this run or an earlier one: a sink that has recorded a chunk does not take it again. */
function uniqueName(): string {
  return `k${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`
}
