import type { Chunk, ChunkRead } from '../contracts/source.ts'
import { createDeferred } from '../lib/deferred.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { collectYoung } from '../lib/collect-young.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { orAborted } from '../lib/or-aborted.ts'
import type { Outcome } from './merge.ts'
import { retryDelayMs } from './retry.ts'
import type { SnapshotContext } from './snapshot-context.ts'

export type ReadRequest = {
  chunk: Chunk
  audience: readonly string[] | null
  /** The keys asked for, where the chunk is a list of keys. */
  asked: readonly string[] | null
  rank: number
}

/** What came of a chunk; `moved`: its table's storage changed since it was planned. */
export type Delivered = { rows: number; bytes: number } | 'moved'

/** The table's shape changes under a copy now and then, never all the time. */
const STALE_REST_MS = 10

/** Reads one chunk and resolves when it was handed out. Reads it again where it went stale, and after transient errors. */
export async function deliverChunk(context: SnapshotContext, request: ReadRequest, signal: AbortSignal): Promise<Delivered> {
  for (;;) {
    const delivered = await retrying(context, () => readOnce(context, request, signal), signal)
    if (delivered !== 'stale') return delivered
    await context.clock.sleep(STALE_REST_MS, signal)
    signal.throwIfAborted()
  }
}

/** Runs until it succeeds or fails for good. */
export async function retrying<T>({ clock }: Pick<SnapshotContext, 'clock'>, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (signal.aborted || toMillraceError(error).kind !== 'transient') throw error
    }
    await clock.sleep(retryDelayMs(attempt), signal)
    signal.throwIfAborted()
  }
}

async function readOnce(context: SnapshotContext, request: ReadRequest, signal: AbortSignal): Promise<Delivered | 'stale'> {
  const { merge, pool, waits, source, chunkBytes } = context
  const { chunk, audience, asked, rank } = request
  const lease = await pool.enter(rank, asked ? 0 : chunkBytes, signal)
  const { promise: settled, resolve: settle } = createDeferred<Outcome>()
  // Registered before its snapshot is asked for: from here on nothing is forgotten that the chunk may fail to see.
  const registration = merge.register({ chunk, audience, asked, settle })
  const abandon = () => {
    registration.abandon()
    lease.release()
  }
  let read: ChunkRead | null
  try {
    read = await orAborted(
      source.snapshots.read(chunk, (visibility) => registration.seen(visibility), signal),
      signal,
    )
    faultPoint('chunk-read')
  } catch (error) {
    abandon()
    throw error
  }
  if (read === null) {
    abandon()
    return 'moved'
  }
  const { rowCount: rows, bytes } = read.rows
  lease.read(bytes)
  collectYoung()
  registration.read(read)
  const wait = waits.passing(read.high)
  context.wake()
  try {
    return (await orAborted(settled, signal)) === 'stale' ? 'stale' : { rows, bytes }
  } finally {
    wait.over()
    collectYoung()
    abandon()
  }
}
