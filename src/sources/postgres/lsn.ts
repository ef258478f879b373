import type { Position } from '../../contracts/position.ts'

/** Postgres' `X/Y` → a position between transactions: 16 hexadecimal digits. */
export function lsnToPosition(lsn: string): Position {
  const [high = '', low = ''] = lsn.split('/')
  return (high.padStart(8, '0') + low.padStart(8, '0')).toUpperCase()
}

/** The byte of the log that a position names, as Postgres writes it. */
export function positionToLsn(position: Position): string {
  return `${position.slice(0, 8).replace(/^0{1,7}/, '')}/${position.slice(8, 16).replace(/^0{1,7}/, '')}`
}

/**
 * The insert position, as one that the stream can pass. Right behind a page header (24 bytes, 40 at a segment's start)
 * no record ends: everything written before lies before the page, so its start says the same and is reached.
 */
export function passablePosition(insertLsn: string): Position {
  const position = lsnToPosition(insertLsn)
  const low = Number.parseInt(position.slice(8), 16)
  const inPage = low % 8192
  // Segments are of 1 MB at least and a power of two, so their starts are multiples of 1 MB.
  const header = inPage === 24 || (inPage === 40 && (low - 40) % 1_048_576 === 0)
  return header ? position.slice(0, 8) + (low - inPage).toString(16).toUpperCase().padStart(8, '0') : position
}
