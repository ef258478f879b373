import type { Position } from '../contracts/position.ts'
import { MillraceError } from '../errors/millrace-error.ts'

/** `--until`: ours (16 hexadecimal digits, perhaps with an ordinal), or Postgres' `X/Y`, as ours. */
export function parsePosition(text: string): Position {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? []
  if (high !== undefined && low !== undefined) return `${high.padStart(8, '0')}${low.padStart(8, '0')}`.toUpperCase()
  if (/^[0-9A-F]{16}(:[0-9A-F]{12})?$/i.test(text)) return text.toUpperCase()
  throw new MillraceError('POSITION_INVALID', { position: text })
}

/** Bytes of log from one position to another: the first 16 digits count bytes (contracts/position.ts). */
export function bytesBetween(from: Position, to: Position): number {
  return Math.max(0, Number(byteOf(to) - byteOf(from)))
}

function byteOf(position: Position): bigint {
  return BigInt(`0x${position.slice(0, 16)}`)
}
