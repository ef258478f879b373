import type { Batch, ControlBatch } from '../../contracts/batch.ts'
import type { ChunkId, Position } from '../../contracts/position.ts'
import type { SinkRecord } from '../../contracts/sink.ts'

/** Something of a batch, and of those after it, that is not durable yet. */
export type Pending = { readonly number: number }

type Mark = { number: number; position: Position; carry: string }

/**
 * What may be called durable, where files of different tables are finished in any order: the batches before the oldest one of
 * which something is pending. Batches are counted; their positions do not tell them apart (rows of a chunk stand where
 * the changes before them do).
 *
 * Why a checkpoint claims nothing that is not there: each batch is numbered before anything of it is kept, what is kept of it is
 * pending under its number until its file is durable, and only the mark of a batch below every pending number is given out.
 * No mark is set while a chunk is delivered in part: its carry would claim rows that a restart drops.
 */
export function createLedger() {
  const pending = new Set<Pending>()
  const partial = new Map<ChunkId, number>()
  let number = 0
  let isTaking = false
  let newestPending = 0
  let given = 0
  /** In order. Of two between which nothing became pending only the later is of use. */
  let marks: Mark[] = []
  let chunks: { number: number; id: ChunkId }[] = []

  return {
    /** A batch comes. */
    begin(): void {
      number++
      isTaking = true
    },
    /** Something of the batch being taken is kept back until `settle`. */
    hold(): Pending {
      const held = { number }
      newestPending = number
      pending.add(held)
      return held
    },
    settle: (held: Pending): void => void pending.delete(held),
    /** Everything of the batch is kept or pending. */
    end(batch: Batch): void {
      isTaking = false
      notePartial(batch)
      if ('chunk' in batch && (batch.kind !== 'rows' || batch.last)) chunks.push({ number, id: batch.chunk })
      if (partial.size > 0) return
      const last = marks.at(-1)
      if (last !== undefined && newestPending <= last.number) marks.pop()
      marks.push({ number, position: batch.end, carry: batch.carry })
    },
    /** The newest checkpoint that is true now; null where it was given out before. */
    checkpoint(): SinkRecord | null {
      const oldest = Math.min(...[...pending].map((held) => held.number), number + (isTaking ? 0 : 1))
      const mark = marks.findLast((each) => each.number < oldest)
      if (mark === undefined) return null
      marks = marks.filter((each) => each.number > mark.number)
      const done = chunks.filter((chunk) => chunk.number <= mark.number).map((chunk) => chunk.id)
      chunks = chunks.filter((chunk) => chunk.number > mark.number)
      given = mark.number
      return { position: mark.position, carry: mark.carry, chunks: done }
    },
    /** Whether a batch was taken that no checkpoint given out stands for. */
    get isBehind(): boolean {
      return given < number
    },
  }

  function notePartial(batch: Batch): void {
    if (batch.kind === 'rows' && batch.last) partial.delete(batch.chunk)
    else if (batch.kind === 'rows') partial.set(batch.chunk, batch.table.id)
    else if (batch.kind === 'control' && endsCopies(batch)) forgetParts(batch.table.id)
  }

  /** The last part of a copy begun anew, or of a table that is gone, never comes. */
  function forgetParts(tableId: number): void {
    for (const [chunk, id] of partial) if (id === tableId) partial.delete(chunk)
  }
}

function endsCopies({ event }: ControlBatch): boolean {
  return event === 'snapshot-begin' || event === 'table-dropped'
}

export type Ledger = ReturnType<typeof createLedger>
