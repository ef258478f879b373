import type { Batch } from '../contracts/batch.ts'
import type { ChunkId } from '../contracts/position.ts'
import type { Sink } from '../contracts/sink.ts'
import type { Visibility } from '../contracts/source.ts'
import { createDeferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { cutChanges } from './cut-batch.ts'

/** A hold on a sink's writes. The sink keeps what it has until `release`. */
export type Hold = {
  /**
   * Lets go on what `visibility` sees. Resolves once a change that it does not see has come: what came before is durable, that one
   * waits. `false` where the sink cannot be made durable there, as a chunk is delivered in part.
   */
  upTo(visibility: Visibility): Promise<boolean>
  release(): void
}

export type HoldableSink = Sink & { hold(): Promise<Hold> }

type Gate = {
  open: ReturnType<typeof createDeferred<Visibility>>
  stopped: ReturnType<typeof createDeferred<boolean>>
  released: ReturnType<typeof createDeferred<void>>
}

/**
 * The same sink, but its writes can be held at a snapshot of the source, for `verify`: between two changes, at the first that the
 * snapshot does not see. Nothing is lost by it: what waits was not taken, so it is neither durable nor acknowledged, and a
 * batch cut in two ends its first part at the last change in it, as a batch inside a long transaction does.
 */
export function holdable(sink: Sink): HoldableSink {
  let gate: Gate | null = null
  let writing: Promise<unknown> = Promise.resolve()
  /** Chunks delivered in part, with the numbers of their tables; see Lane. */
  const partial = new Map<ChunkId, number>()

  const stopAt = async (at: Gate, signal: AbortSignal) => {
    // Only what was flushed can be read back.
    if (partial.size === 0) await sink.flush(signal)
    at.stopped.resolve(partial.size === 0)
    await orAborted(at.released.promise, signal)
  }

  const passGate = async (at: Gate, batch: Batch, signal: AbortSignal): Promise<Batch | null> => {
    const visibility = await orAborted(Promise.race([at.open.promise, at.released.promise]), signal)
    if (!visibility || batch.kind !== 'changes') return batch
    const first = batch.changes.findIndex((change) => change.tx !== null && !visibility.sees(change.tx.xid))
    if (first < 0) return batch
    const [before, rest] = cutChanges(batch, first)
    if (before) await sink.write(before, signal)
    await stopAt(at, signal)
    return rest
  }

  const notePartial = (batch: Batch) => {
    if (batch.kind === 'rows' && batch.last) partial.delete(batch.chunk)
    else if (batch.kind === 'rows') partial.set(batch.chunk, batch.table.id)
    else if (batch.kind === 'control' && (batch.event === 'snapshot-begin' || batch.event === 'table-dropped'))
      for (const [chunk, tableId] of partial) if (tableId === batch.table.id) partial.delete(chunk)
  }

  const write = async (batch: Batch, signal: AbortSignal) => {
    const rest = gate === null ? batch : await passGate(gate, batch, signal)
    notePartial(batch)
    return rest === null ? ('accepted' as const) : sink.write(rest, signal)
  }

  return {
    resume: () => sink.resume(),
    write(batch, signal) {
      if (gate === null) {
        const result = write(batch, signal)
        writing = result.catch(() => {})
        return result
      }
      return write(batch, signal)
    },
    flush: (signal) => sink.flush(signal),
    get batchBytes() {
      return sink.batchBytes ?? 0
    },
    ...(sink.gatherMs !== undefined && { gatherMs: sink.gatherMs }),
    get hasPending() {
      return sink.hasPending
    },
    ...(sink.furthest ? { furthest: sink.furthest.bind(sink) } : {}),
    ...(sink.beginAnew ? { beginAnew: sink.beginAnew.bind(sink) } : {}),
    ...(sink.scan ? { scan: sink.scan.bind(sink) } : {}),
    async hold() {
      while (gate !== null) await gate.released.promise
      const own: Gate = { open: createDeferred(), stopped: createDeferred(), released: createDeferred() }
      gate = own
      await writing
      return {
        upTo(visibility) {
          own.open.resolve(visibility)
          return own.stopped.promise
        },
        release() {
          if (gate === own) gate = null
          own.released.resolve()
        },
      }
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  }
}
