/** Where logical messages go: table folders always hold a dot, so this is none. */
export const MESSAGES_FOLDER = 'messages'

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
