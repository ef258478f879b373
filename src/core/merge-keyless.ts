import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { ChunkRows, Visibility } from '../contracts/source.ts'
import type { Table } from '../contracts/table.ts'
import { createKeylessHold, type KeylessChange, type KeylessHold } from './keyless-hold.ts'
import { rowsBatch, type Place } from './rows-batch.ts'

/**
 * Tables without a key: no row can be matched with a change, so the copy is one snapshot and the stream waits for it.
 *
 * - holding: the table's changes are kept back; pieces of the copy go out as they come.
 * - after the last piece: what is held and not visible goes out, and visible changes that come later are dropped,
 *   until the stream has passed `until` (read after the copy): then every transaction visible to the copy has been met.
 */
export type KeylessMerge = {
  hold(tableId: number): KeylessCopy
  /** The batch without what is held or already copied. */
  pass(batch: ChangesBatch): ChangesBatch
  due(position: Position, placed: () => Place, announce: (table: Table, high: Position) => Batch | null): Iterable<Batch>
}

export type KeylessCopy = {
  seen(visibility: Visibility): void
  piece(rows: ChunkRows, options: { chunk: string; last: boolean; audience: readonly string[] | null; emitted(): void }): void
  copied(until: Position, ended: () => void): void
  /** The copy begins anew, with another snapshot; what is held stays held. */
  restart(): void
  /** The table is gone: nothing of it is held any longer. */
  drop(): void
}

type Piece = { rows: ChunkRows; chunk: string; last: boolean; audience: readonly string[] | null; emitted(): void }
type Held = {
  hold: KeylessHold
  visibility: Visibility | null
  pieces: Piece[]
  copied: { until: Position; ended: () => void } | null
  released: boolean
}

export function createKeylessMerge(): KeylessMerge {
  const tables = new Map<number, Held>()

  /** Whether a change goes to the sinks now. */
  const passes = (change: Change, bytes: number): boolean => {
    const held = change.op === 'message' ? undefined : tables.get(change.table.id)
    if (!held) return true
    const keyless = change as KeylessChange
    if (held.released) return held.visibility?.sees(keyless.tx.xid) !== true
    held.hold.take(keyless, bytes)
    return false
  }
  function* release(held: Held, placed: () => Place): Generator<Batch> {
    const sees = (xid: number) => held.visibility?.sees(xid) === true
    held.released = true
    for (const portion of held.hold.remaining(sees)) {
      yield { ...placed(), kind: 'changes', ...portion, betweenTransactions: true, audience: null }
    }
    held.hold.close()
  }

  return {
    hold(tableId) {
      const held: Held = { hold: createKeylessHold(), visibility: null, pieces: [], copied: null, released: false }
      tables.set(tableId, held)
      return {
        seen: (visibility) => void (held.visibility = visibility),
        piece: (rows, options) => void held.pieces.push({ rows, ...options }),
        copied: (until, ended) => void (held.copied = { until, ended }),
        restart() {
          // What went out after the copy is in the next copy too; from here on changes are held again.
          if (held.released) held.hold = createKeylessHold()
          Object.assign(held, { visibility: null, pieces: [], copied: null, released: false })
        },
        drop() {
          held.hold.close()
          tables.delete(tableId)
        },
      }
    },
    pass(batch) {
      if (tables.size === 0) return batch
      const bytesEach = Math.ceil(batch.bytes / Math.max(1, batch.changes.length))
      const changes = batch.changes.filter((change) => passes(change, bytesEach))
      if (changes.length === batch.changes.length) return batch
      const { raw: _, ...rest } = batch
      return { ...rest, changes }
    },
    *due(position, placed, announce) {
      for (const [id, held] of tables) {
        for (let piece = held.pieces.shift(); piece; piece = held.pieces.shift()) {
          const { rows, chunk, last, audience, emitted } = piece
          const told = announce(rows.table, position)
          if (told) yield told
          yield rowsBatch(rows, { ...placed(), chunk, last, audience })
          emitted()
        }
        if (!held.copied) continue
        if (!held.released) yield* release(held, placed)
        if (position < held.copied.until) continue
        tables.delete(id)
        held.copied.ended()
      }
    },
  }
}
