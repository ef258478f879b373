import type { Batch } from '../contracts/batch.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import type { SinkRecord } from '../contracts/sink.ts'

/** The checkpoints of a sink that is durable later: what was given to it, until its reports pass it. */
export function createLaterSteps() {
  let carries: { end: Position; carry: string }[] = []
  let chunks: { end: Position; chunk: ChunkId }[] = []

  return {
    given(batch: Batch): void {
      if (carries.at(-1)?.carry !== batch.carry) carries.push({ end: batch.end, carry: batch.carry })
      const isDone = batch.kind === 'rows' ? batch.last : 'chunk' in batch
      if (isDone && 'chunk' in batch) chunks.push({ end: batch.end, chunk: batch.chunk })
    },
    /**
     * What its report of `position` says; null where that is not known. Rows that stand at the position itself may not be durable, so
     * they wait for a later one: the chunk is at worst read once more, and then not given.
     */
    upTo(position: Position): SinkRecord | null {
      const passed = carries.filter(({ end }) => end <= position)
      const carry = passed.at(-1)?.carry
      if (carry === undefined) return null
      carries = carries.slice(passed.length - 1)
      const done = chunks.filter(({ end }) => end < position).map(({ chunk }) => chunk)
      chunks = chunks.filter(({ end }) => end >= position)
      return { position, carry, chunks: done }
    },
    /** The chunks that are left, after a flush of everything. */
    all(): ChunkId[] {
      const left = chunks.map(({ chunk }) => chunk)
      chunks = []
      return left
    },
  }
}
