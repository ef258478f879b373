import type { Batch } from '../contracts/batch.ts'
import type { ChunkId, Position } from '../contracts/position.ts'

/** A sink that names no change is asked again in pieces: of this many at first, where it is not known how many there were. */
const FIRST_PIECE = 64
/** Each round asks for pieces this much smaller. */
const SMALLER = 8

/**
 * Where a sink refused something and what it was is not known yet. It outlives the sink's session: after each refusal the sink
 * is opened again and asked for the same in smaller pieces, until one change alone is refused.
 */
export function createNarrowing() {
  let changes: { until: Position; size: number } | null = null
  const chunks = new Map<ChunkId, number>()

  return {
    /** In pieces of how many a batch is to be given; null: whole. */
    sizeOf(batch: Batch): number | null {
      if (batch.kind === 'rows') return chunks.get(batch.chunk) ?? null
      return batch.kind === 'changes' ? (changes?.size ?? null) : null
    },
    /** Something in this batch, or this piece of one, was refused, or in what was given before it: `count` in all. False where it cannot be cut smaller. */
    refused(batch: Batch, count: number): boolean {
      if (batch.kind === 'control') return false
      const current = (batch.kind === 'rows' ? chunks.get(batch.chunk) : changes?.size) ?? Infinity
      const size = Math.max(1, Math.floor(Math.min(current, count) / SMALLER))
      if (size >= current) return false
      if (batch.kind === 'rows') chunks.set(batch.chunk, size)
      else changes = { until: later(changes?.until, batch.end), size }
      return true
    },
    /** Something that was given and not made durable yet was refused. False where that is known closer already. */
    refusedLater(given: { until: Position | null; chunks: ReadonlySet<ChunkId> }): boolean {
      const isNew = (given.until !== null && changes === null) || [...given.chunks].some((chunk) => !chunks.has(chunk))
      if (!isNew) return false
      if (given.until !== null && changes === null) changes = { until: given.until, size: FIRST_PIECE }
      for (const chunk of given.chunks) if (!chunks.has(chunk)) chunks.set(chunk, FIRST_PIECE)
      return true
    },
    /** This batch was taken, all of it. */
    taken(batch: Batch): void {
      if (batch.kind === 'rows' && batch.last) chunks.delete(batch.chunk)
      if (batch.kind === 'changes' && changes !== null && batch.end >= changes.until) changes = null
    },
  }
}

export type Narrowing = ReturnType<typeof createNarrowing>

function later(one: Position | undefined, other: Position): Position {
  return one !== undefined && one > other ? one : other
}
