import type { ChunkRows } from '../contracts/source.ts'
import { tableName, type Table } from '../contracts/table.ts'
import { createDeferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import type { KeylessCopy } from './merge-keyless.ts'
import { audienceOf, type SnapshotContext } from './snapshot-context.ts'
import { newPlan, withChunks, type Plan } from './snapshot-plan.ts'
import { retrying } from './snapshot-read.ts'
import { beginGeneration, endGeneration } from './snapshot-table.ts'

/** `hold`: since when the table's changes are kept back; `ready`: as in TableCopy. */
export type KeylessTableCopy = { table: Table; plan: Plan; sinks: readonly string[]; ready: Promise<void>; hold: KeylessCopy }

/**
 * Copies a table without a key: whole, in one snapshot. Where the reading fails half-way it begins anew, as a generation of its own,
 * since no part of it can be told from the changes made meanwhile.
 */
export async function copyKeyless(context: SnapshotContext, copy: KeylessTableCopy, signal: AbortSignal): Promise<void> {
  const { table, sinks, hold } = copy
  await orAborted(copy.ready, signal)
  let plan: Plan | null = null
  const made = await retrying(
    context,
    async () => {
      if (plan) hold.restart()
      plan = plan ? await beginAnew(context, copy, plan) : copy.plan
      return copyOnce(context, { ...copy, plan }, signal)
    },
    signal,
  )
  await endGeneration(context, { table, plan: made, sinks }, signal)
  context.copied.end(table.id)
  context.progress({ event: 'done', table: tableName(table), ...context.copied.of(table.id) })
}

async function beginAnew(context: SnapshotContext, { table, sinks }: KeylessTableCopy, before: Plan): Promise<Plan> {
  const plan = newPlan(table, { plan: before, missed: null }, sinks, context.sinks)
  await context.plans.save(table, plan)
  beginGeneration(context, { table, plan, sinks })
  return plan
}

async function copyOnce(context: SnapshotContext, copy: KeylessTableCopy, signal: AbortSignal) {
  const { source, merge, pool, plans, chunkBytes } = context
  const { table, sinks, hold } = copy
  const audience = audienceOf(context, sinks)
  const lease = await pool.enter(0, chunkBytes, signal)
  try {
    const { generation } = copy.plan
    const plan = withChunks(table, copy.plan, await orAborted(source.snapshots.plan(table, { generation, chunkBytes }), signal), null)
    await plans.save(table, plan)
    const [chunk] = plan.chunks ?? []
    const { copied } = context
    copied.begin(table.id, generation)
    const planNews = { chunks: 1, chunksDone: 0, rowEstimate: chunk?.rowEstimate ?? 0, ...copied.of(table.id) }
    context.progress({ event: 'planned', table: tableName(table), ...planNews })
    const sent = { rows: 0, bytes: 0 }
    const send = (rows: ChunkRows, last: boolean) => {
      const { promise, resolve } = createDeferred<void>()
      hold.piece(rows, { chunk: chunk?.id ?? '', last, audience, emitted: resolve })
      context.wake()
      sent.rows += rows.rowCount
      sent.bytes += rows.bytes
      copied.set(table.id, chunk?.id ?? '', { ...sent })
      context.progress({ event: 'chunk', table: tableName(table), ...sent, chunksDone: last ? 1 : 0, chunksPlanned: 1 })
      return orAborted(promise, signal)
    }
    // One piece is kept back, since only the last says that it is the last.
    let ahead: ChunkRows | null = null
    if (chunk) {
      for await (const rows of source.snapshots.readWhole(
        chunk,
        (visibility) => (hold.seen(visibility), merge.learn(visibility)),
        signal,
      )) {
        if (ahead) await send(ahead, false)
        ahead = rows
      }
    }
    if (ahead) await send(ahead, true)
    await passEverythingSeen(context, hold, signal)
    return plan
  } finally {
    lease.release()
  }
}

/** Everything that the copy shows was committed before now, so it lies before the log's end as it is now. */
async function passEverythingSeen(context: SnapshotContext, hold: KeylessCopy, signal: AbortSignal): Promise<void> {
  const head = await orAborted(context.source.head(), signal)
  const { promise: ended, resolve } = createDeferred<void>()
  const wait = context.waits.passing(head)
  hold.copied(head, resolve)
  context.wake()
  try {
    await orAborted(ended, signal)
  } finally {
    wait.over()
  }
}
