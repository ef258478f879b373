import type { Batch, ControlBatch } from '../contracts/batch.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import type { SinkRecord } from '../contracts/sink.ts'

/** How far somebody is: the record, and the end of the last batch that held anything (see Lane.held). */
export type Place = { record: SinkRecord | null; held: Position | null }

/** What a segment begins with. `told`: the newest description of each table, and the begin of each copy that is under way. */
export type Header = { place: Place; told: readonly ControlBatch[] }

/** From one mark to the next. */
export type Step = { position: Position; carry: string; held: Position | null; chunks: readonly ChunkId[] }

export function stepAfter(step: Step | null, batch: Batch, held: Position | null): Step {
  const isEmpty = batch.kind === 'changes' && batch.changes.length === 0
  const done = batch.kind === 'rows' ? batch.last : 'chunk' in batch
  return {
    position: batch.end,
    carry: batch.carry,
    held: isEmpty ? (step?.held ?? held) : batch.end,
    chunks: done && 'chunk' in batch ? [...(step?.chunks ?? []), batch.chunk] : (step?.chunks ?? []),
  }
}

export function advanced({ record }: Place, { position, carry, held, chunks }: Step): Place {
  return { record: { position, carry, chunks: withChunks(record?.chunks ?? [], chunks) }, held }
}

/** Of two places of one sink the one further on, with the chunks of both. */
export function furthest(a: Place, b: Place): Place {
  if (a.record === null || b.record === null) return a.record === null ? b : a
  const far = a.record.position >= b.record.position ? a : b
  return { ...far, record: { ...(far.record ?? a.record), chunks: withChunks(a.record.chunks, b.record.chunks) } }
}

/** The end of a generation stands for all its chunks. */
function withChunks(known: readonly ChunkId[], added: readonly ChunkId[]): readonly ChunkId[] {
  if (added.length === 0) return known
  const chunks = new Set([...known, ...added])
  const over = added.filter((id) => id.endsWith('/end')).map((id) => id.slice(0, -'end'.length))
  for (const begin of over) for (const id of chunks) if (id.startsWith(begin) && !id.endsWith('/end')) chunks.delete(id)
  return [...chunks]
}

/** What a sink that is opened later has to be told before what follows. */
export function toldAfter(told: readonly ControlBatch[], control: ControlBatch): readonly ControlBatch[] {
  const others = told.filter((each) => each.table.id !== control.table.id || isOther(each, control))
  return control.event === 'schema' || control.event === 'snapshot-begin' ? [...others, control] : others
}

/** A description leaves the begin of a copy in force, and the other way round. */
function isOther(each: ControlBatch, control: ControlBatch): boolean {
  if (control.event === 'table-dropped') return false
  return control.event === 'schema' ? each.event !== 'schema' : each.event === 'schema'
}
