import type { ChunkId, Position } from '../../contracts/position.ts'

/** Where logical messages go: table folders always hold a dot, so this is none. */
export const MESSAGES_FOLDER = 'messages'
/** Everything that is not yet a table's: nothing here ends in `.parquet`. */
export const OWN_FOLDER = '.millrace'

/** Where a later copy of a table waits until it is whole. */
export function asideFolder(owner: string, folder: string): string {
  return `${OWN_FOLDER}/${owner}/aside/${folder}`
}

/** A change's place in the log; its text sorts as the log does. */
export type ChangePlace = { position: Position; ordinal: number }

const CHANGES = /^([0-9A-F]{16})-(\d{10,})\.parquet$/

/** Named after the first change in it: two that go on from one checkpoint collide on the same name. */
export function changesFile({ position, ordinal }: ChangePlace): string {
  return `${position}-${String(ordinal).padStart(10, '0')}.parquet`
}

/** Whether it is one of ours. Their names sort in the order of the log. */
export function isChangesFile(name: string): boolean {
  return CHANGES.test(name)
}

/** `<generation>-<chunk>.parquet`, in the order of the chunks; `part` counts the files of one chunk that is too large for one. */
export function chunkFile(id: ChunkId, part: number): string {
  const [generation = '', chunk = ''] = id.split('/').slice(-2)
  const number = /^\d+$/.test(chunk) ? chunk.padStart(6, '0') : chunk
  return `${generation}-${number}${part === 0 ? '' : `_${String(part).padStart(4, '0')}`}.parquet`
}

/** Whether it is a file of this chunk, whichever part of it. */
export function isOfChunk(name: string, id: ChunkId): boolean {
  const whole = chunkFile(id, 0).slice(0, -'.parquet'.length)
  return name.startsWith(whole) && /^(_\d+)?\.parquet$/.test(name.slice(whole.length))
}

export function generationOf(id: ChunkId): string {
  return id.split('/').at(-2) ?? ''
}

/** A chunk's name holds no dash, its generation's does. Null where the file is none of ours. */
export function generationOfFile(name: string): string | null {
  return /^(.+)-[0-9a-z_]+\.parquet$/.exec(name)?.[1] ?? null
}

/** Everything up to and including this change, as a position; see position.ts. */
export function placeAsPosition({ position, ordinal }: ChangePlace): Position {
  return `${position}:${ordinal.toString(16).toUpperCase().padStart(12, '0')}`
}

/** Null where the text is no such position. */
export function parsePlace(text: string): ChangePlace | null {
  const match = /^([0-9A-F]{16}):([0-9A-F]{12})$/.exec(text)
  return match?.[1] === undefined || match[2] === undefined ? null : { position: match[1], ordinal: Number.parseInt(match[2], 16) }
}

export function isAfter(place: ChangePlace, than: ChangePlace): boolean {
  return place.position === than.position ? place.ordinal > than.ordinal : place.position > than.position
}
