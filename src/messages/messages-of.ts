import type { Batch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Format, Message } from '../contracts/format.ts'
import type { ChunkId, Position } from '../contracts/position.ts'
import type { Row, Table } from '../contracts/table.ts'
import { changeId, digest, rowId } from './message-id.ts'

/** A message with what it was made from. `change` of a change, `row` and `chunk` of a row read, none of them of what a format adds by itself. */
export type PlacedMessage = {
  message: Message
  /** The how-manieth message of its change, row or control this is, from 0. */
  part: number
  table: Table | null
  change: Change | null
  row: Row | null
  /** Of a row: its place in the batch. */
  index: number
  chunk: ChunkId | null
  /** Of the change, else of the batch. */
  position: Position
}

/** Everything that a batch says in a format's words, in order: what sinks that keep the log write. */
export function* messagesOf(format: Format, batch: Batch): Generator<PlacedMessage> {
  if (batch.kind === 'rows') {
    const { table, chunk, end: position } = batch
    const at = { position, chunk, index: 0 }
    for (const row of batch.rows()) {
      yield* placed(format.read(table, row, at), { table, change: null, row, index: at.index, chunk, position })
      at.index++
    }
    return
  }
  const rest = { change: null, row: null, index: 0, chunk: null, position: batch.end }
  if (batch.kind === 'control') return yield* placed(format.control?.(batch) ?? [], { ...rest, table: batch.table })
  for (const change of batch.changes) {
    const position = change.op === 'message' ? change.position : change.tx.position
    yield* placed(format.change(change), { table: change.table, change, row: null, index: 0, chunk: null, position })
  }
  yield* placed(format.after?.(batch) ?? [], { ...rest, table: null })
}

function* placed(messages: readonly Message[], at: Omit<PlacedMessage, 'message' | 'part'>): Generator<PlacedMessage> {
  for (let part = 0; part < messages.length; part++) yield { message: messages[part]!, part, ...at } // inside the bounds
}

/**
 * The same on every replay, and different for everything else: what receivers that drop what they have seen compare. A row read again at
 * another position is another message, because what changed between the two reads may be told by the later row alone. Of rows without
 * a key two may be equal: their place tells them apart, so that none is dropped (read again in another order they may come twice).
 */
export function messageId({ part, table, change, row, index, chunk, position }: PlacedMessage): string {
  const suffix = part > 0 ? `-${part}` : ''
  if (change) return `${changeId(change)}${suffix}`
  if (row && table && chunk !== null) return `${rowId(table, row, { position, chunk, index })}${suffix}`
  return `${position}-c${table ? `-${digest(table.version)}` : ''}${suffix}`
}
