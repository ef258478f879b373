import type { Batch, ChangesBatch, ControlBatch, RowsBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { SinkRecord } from '../contracts/sink.ts'

/** What of a batch one sink still needs, in order; mostly the batch itself. */
export type LaneFilter = (batch: Batch) => readonly Batch[]

/**
 * The log is read from the lowest of the sinks' checkpoints, so a sink further on meets again what it holds: those
 * changes are left out, exactly, also inside a transaction, where a sink cannot recognise them by key (a log file).
 *
 * Rows and snapshot controls are not placed by the log but by `audience` and by the chunks a sink has finished: they are
 * read after the restart, so they are newer than the checkpoint wherever the stream stands. Their `end` is raised to the
 * checkpoint: a sink's position never goes back.
 *
 * Descriptions of tables from before the checkpoint are held back, then the newest of each is given when the checkpoint is
 * passed: an older one would make the sink alter its tables backwards; none would leave it without the one in force. Rows of a copy do not
 * wait for that: theirs goes before them.
 */
export function createLaneFilter(name: string, record: SinkRecord | null): LaneFilter {
  const done = new Set(record?.chunks)
  const position = record?.position ?? null
  let isPassed = position === null
  const held = new Map<number, ControlBatch>()

  function isMeant(batch: Batch): boolean {
    if (batch.audience !== null && !batch.audience.includes(name)) return false
    return !('chunk' in batch) || !done.has(batch.chunk)
  }

  function whileBehind(batch: Batch, reached: Position): readonly Batch[] {
    // Whatever it is: what is held comes before it, and all that follows lies behind it.
    if (batch.end > reached) return passing(batch, reached)
    if (batch.kind === 'changes') return []
    if (batch.kind === 'control' && batch.event === 'schema' && batch.end < reached) {
      held.set(batch.table.id, batch)
      return []
    }
    if (batch.kind === 'control' && batch.event === 'table-dropped' && batch.end < reached) {
      held.delete(batch.table.id)
      return []
    }
    // Of a table that is gone nothing is told any more: a sink would make it again.
    if (batch.kind === 'control' && (batch.event === 'schema' || batch.event === 'table-dropped')) held.delete(batch.table.id)
    return [...(batch.kind === 'rows' ? describing(batch, reached) : []), raised(batch, reached)]
  }

  /** Rows were read just now, by the description that was told just before them: nothing that the sink holds is newer. */
  function describing({ table }: RowsBatch, reached: Position): readonly Batch[] {
    const told = held.get(table.id)
    if (told === undefined || told.table.version !== table.version) return []
    held.delete(table.id)
    return [raised(told, reached)]
  }

  function passing(batch: Batch, reached: Position): readonly Batch[] {
    isPassed = true
    const descriptions = [...held.values()].map((control) => raised(control, reached))
    held.clear()
    return [...descriptions, batch.kind === 'changes' ? unsettledPart(batch, reached) : batch]
  }

  return (batch) => {
    if (!isMeant(batch)) return []
    return isPassed || position === null ? [batch] : whileBehind(batch, position)
  }
}

function raised(batch: Batch, reached: Position): Batch {
  if (batch.end >= reached) return batch
  if (batch.kind !== 'rows') return { ...batch, end: reached }
  // Its rows may be methods of an object of the source's, which a spread would lose.
  return { ...batch, end: reached, rows: () => batch.rows(), columns: () => batch.columns() }
}

function unsettledPart(batch: ChangesBatch, reached: Position): ChangesBatch {
  const isSettled = settledBy(reached)
  const first = batch.changes.findIndex((change) => !isSettled(change))
  if (first === 0) return batch
  // The wire bytes still hold the settled changes, so they no longer stand for this batch.
  const { raw: _, ...rest } = batch
  return { ...rest, changes: first < 0 ? [] : batch.changes.slice(first) }
}

/** Whether a change lies at or before `reached`: position.ts describes the two shapes. */
function settledBy(reached: Position): (change: Change) => boolean {
  const [log = '', inside] = reached.split(':')
  const lastOrdinal = inside === undefined ? -1 : Number.parseInt(inside, 16)
  return (change) => {
    const at = change.tx?.position ?? (change.op === 'message' ? change.position : '')
    return at < log || (at === log && change.ordinal <= lastOrdinal)
  }
}
