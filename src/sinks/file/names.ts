import { createHash } from 'node:crypto'
import type { Table } from '../../contracts/table.ts'

/** Where logical messages go: table folders always hold a dot, so this is none. */
export const MESSAGES_FOLDER = 'messages'

/** File systems allow 255 bytes; a longer name keeps its beginning and ends in a hash. */
const LONGEST = 240

/**
 * `schema.table` as one folder name, different for different tables. What a path or a file system gives a meaning is
 * written `%XX`, and so are dots and percent signs inside a name: the one dot left parts schema from table.
 */
export function tableFolder({ schema, name }: Pick<Table, 'schema' | 'name'>): string {
  const folder = `${escaped(schema)}.${escaped(name)}`
  if (Buffer.byteLength(folder) <= LONGEST) return folder
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 32)
  return `${Buffer.from(folder)
    .subarray(0, 150)
    .toString()
    .replace(/\uFFFD+$/, '')}%${hash}`
}

const UNSAFE = /[\u0000-\u001f\u007f/\\%.<>:"|?*]/g

function escaped(name: string): string {
  return name.replace(UNSAFE, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** A segment's name in its parts: the position of its first line, and which of that position it is. */
export type SegmentName = { position: string; number: number }

const SEGMENT = /^([0-9A-F]{16})(?:_(\d{4,}))?\.ndjson$/

/** Null where the file is none of ours. */
export function parseSegmentName(file: string): SegmentName | null {
  const match = SEGMENT.exec(file)
  return match?.[1] === undefined ? null : { position: match[1], number: Number(match[2] ?? 0) }
}

/** Names sort in log order: `_` sorts after `.`, so the numbered ones follow the plain one. */
export function formatSegmentName({ position, number }: SegmentName): string {
  return number === 0 ? `${position}.ndjson` : `${position}_${String(number).padStart(4, '0')}.ndjson`
}

export function isLater(name: SegmentName, than: SegmentName): boolean {
  return name.position === than.position ? name.number > than.number : name.position > than.position
}

/**
 * The name of a segment that begins at `position` and follows `last`. Always later than `last`, whatever the position
 * (a log begun anew on another server may start lower): what is later than the recorded segment is cut away at a start.
 */
export function nextSegmentName(position: string, last: SegmentName | null): SegmentName {
  const name = { position: position.slice(0, 16), number: 0 }
  if (last === null || isLater(name, last)) return name
  return { position: last.position, number: last.number + 1 }
}
