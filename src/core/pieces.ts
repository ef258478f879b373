import type { Change } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import { MillraceError } from '../errors/millrace-error.ts'

/**
 * Where a script may make several changes of one, ordinals are counted in strides, so that there is room behind each: the change with
 * ordinal n of the source is n × STRIDE, its pieces follow by ones. So (position, ordinal) stays unique, in order, and the same on every
 * replay; and a position inside a transaction settles a change of the source with all of its pieces.
 */
export const STRIDE = 4096

/** Numbers what became of one change, `out` from `at` on. */
export function piecesOf(change: Change, out: Change[], at: number): void {
  const { ordinal } = change
  if (ordinal % STRIDE !== 0) throw new MillraceError('BUG', { reason: 'changes are split whose ordinals leave no room' })
  if (out.length - at > STRIDE) throw new MillraceError('TRANSFORM_TOO_MANY', { count: out.length - at, most: STRIDE })
  // A spread is safe: what is split was made by a script, of members alone.
  for (let index = at; index < out.length; index++) out[index] = { ...out[index]!, ordinal: ordinal + index - at } // index < out.length
}

/** A position inside a transaction, of the source's count in that of strides: after the last piece of that change. */
export function strided(position: Position): Position {
  return mapOrdinal(position, (ordinal) => ordinal * STRIDE + STRIDE - 1)
}

/**
 * And back: before a change of which not every piece is settled, as where a sink was given them one by one. The change comes again, and
 * the lanes leave out what of it is settled.
 */
export function unstrided(position: Position): Position {
  return mapOrdinal(position, (ordinal) => Math.floor((ordinal + 1) / STRIDE) - 1)
}

/** Where nothing of the transaction is settled, the position is that before it. */
function mapOrdinal(position: Position, map: (ordinal: number) => number): Position {
  const at = position.indexOf(':')
  if (at < 0) return position
  const ordinal = map(Number.parseInt(position.slice(at + 1), 16))
  if (ordinal < 0) return position.slice(0, at)
  return `${position.slice(0, at)}:${ordinal.toString(16).toUpperCase().padStart(12, '0')}`
}
