import type { ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'

export type Operations = Record<Change['op'], number>

/** What was read of the log; `bytes` on the wire. */
export type Followed = {
  changes: number
  operations: Operations
  bytes: number
  /** When the newest change was committed, microseconds since 1970; null before the first. */
  commitTimeUs: number | null
}

type Place = { position: Position; ordinal: number }

/** Counts what one run reads of the log. After a failure it is read again from what is durable: what was counted counts no second time. */
export function createFollowed() {
  const now: Followed = {
    changes: 0,
    operations: { insert: 0, update: 0, delete: 0, truncate: 0, message: 0 },
    bytes: 0,
    commitTimeUs: null,
  }
  let furthest: Place | null = null
  /** Where the session before had got to. Within one session nothing comes twice, though changes that were held come late. */
  let floor: Place | null = null

  const isNew = (change: Change) => floor === null || isAfter(placeOf(change), floor)

  return {
    now: now as Readonly<Followed>,
    session(): void {
      floor = furthest
    },
    take({ changes, bytes }: Pick<ChangesBatch, 'changes' | 'bytes'>): void {
      const counted = floor === null ? changes : changes.filter(isNew)
      for (const change of counted) now.operations[change.op]++
      now.changes += counted.length
      now.bytes += counted.length === changes.length ? bytes : Math.round((bytes * counted.length) / changes.length)
      const last = counted.at(-1)
      if (!last) return
      now.commitTimeUs = last.tx?.commitTimeUs ?? now.commitTimeUs
      const place = placeOf(last)
      if (furthest === null || isAfter(place, furthest)) furthest = place
    },
  }
}

function placeOf(change: Change): Place {
  return { position: change.op === 'message' ? change.position : change.tx.position, ordinal: change.ordinal }
}

function isAfter(a: Place, b: Place): boolean {
  return a.position > b.position || (a.position === b.position && a.ordinal > b.ordinal)
}
