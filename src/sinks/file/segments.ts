import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, syncFolder } from '../../lib/folders.ts'
import { at } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import { formatSegmentName, nextSegmentName, type SegmentName } from './names.ts'

/** The last segment of one folder: all before it are whole and never written again. */
export type Segment = { name: SegmentName; length: number; begunMs: number; closed: boolean }

export type SegmentsOptions = {
  sink: string
  root: string
  fs: FileSystem
  rollSize: number
  rollAfterMs: number
  now(): number
  /** What `resume` found, by folder. */
  last: Map<string, Segment>
}

/** More tables than this share open files: the one written longest ago is made durable and closed. */
const MAX_OPEN = 256
const SYNCS_AT_ONCE = 4

type Open = { handle: FileHandle; path: string; dirty: boolean }

/** The growing files: appends, rolls, and makes durable. */
export function createSegments(options: SegmentsOptions) {
  const { sink, root, fs, last } = options
  const open = new Map<string, Open>()
  const dirtyFolders = new Set<string>()

  return { append, sync, close }

  /** Appends to the folder's last segment, or to a new one that begins at `position`. */
  async function append(folder: string, position: string, bytes: readonly Uint8Array[]): Promise<void> {
    let segment = last.get(folder)
    if (segment === undefined || isFull(segment)) segment = await begin(folder, position, segment)
    const file = await opened(folder, segment)
    file.dirty = true
    await at({ sink, path: file.path }, async () => {
      segment.length = await writeAll(file.handle, bytes, segment.length)
    })
  }

  function isFull({ closed, length, begunMs }: Segment): boolean {
    return closed || length >= options.rollSize || options.now() - begunMs >= options.rollAfterMs
  }

  async function begin(folder: string, position: string, before: Segment | undefined): Promise<Segment> {
    await shut(folder)
    const segment = { name: nextSegmentName(position, before?.name ?? null), length: 0, begunMs: options.now(), closed: false }
    const path = join(root, folder)
    await at({ sink, path }, () => makeFolder(fs, path))
    // The root too where the folder was there: who made it may have been killed before its name was durable.
    dirtyFolders.add(root)
    dirtyFolders.add(path)
    await reach(folder, segment, 'wx')
    last.set(folder, segment)
    return segment
  }

  async function opened(folder: string, segment: Segment): Promise<Open> {
    const file = open.get(folder)
    if (file === undefined) return reach(folder, segment, 'r+')
    open.delete(folder)
    open.set(folder, file) // the map's order is the order of use
    return file
  }

  async function reach(folder: string, segment: Segment, flags: 'wx' | 'r+'): Promise<Open> {
    if (open.size >= MAX_OPEN) for (const [oldest] of open) if (open.size >= MAX_OPEN) await shut(oldest)
    const path = join(root, folder, formatSegmentName(segment.name))
    const file = { handle: await at({ sink, path }, () => fs.open(path, flags)), path, dirty: false }
    open.set(folder, file)
    return file
  }

  /** Closing loses the right to hear of a failed write-back, so a file is made durable first. */
  async function shut(folder: string): Promise<void> {
    const file = open.get(folder)
    if (file === undefined) return
    await syncFile(file)
    open.delete(folder)
    await at({ sink, path: file.path }, () => file.handle.close())
  }

  async function syncFile(file: Open): Promise<void> {
    if (!file.dirty) return
    await at({ sink, path: file.path }, () => file.handle.datasync())
    file.dirty = false
  }

  /** Once it resolves, everything appended survives a crash of the machine. */
  async function sync(): Promise<void> {
    const dirty = [...open.values()].filter((file) => file.dirty)
    for (let i = 0; i < dirty.length; i += SYNCS_AT_ONCE) await Promise.all(dirty.slice(i, i + SYNCS_AT_ONCE).map(syncFile))
    for (const path of dirtyFolders) await at({ sink, path }, () => syncFolder(fs, path))
    dirtyFolders.clear()
  }

  /** Lets go of the files as they are: what was not synced is cut away at the next start. */
  async function close(): Promise<void> {
    const files = [...open.values()]
    open.clear()
    await Promise.allSettled(files.map((file) => file.handle.close()))
  }
}

/** Writes at `offset` and returns the new end. A short write (a disk that fills up) goes on with the rest, which then fails. */
async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], offset: number): Promise<number> {
  let rest = pieces
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, offset)
    offset += bytesWritten
    rest = without(rest, bytesWritten)
  }
  return offset
}

function without(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let index = 0
  let left = written
  for (; index < pieces.length && left >= pieces[index]!.byteLength; index++) left -= pieces[index]!.byteLength // index < length
  const rest = pieces.slice(index)
  if (left > 0) rest[0] = rest[0]!.subarray(left) // bytes were left over, so a piece is
  return rest
}
