import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, truncate, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const real = { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, truncate, unlink }

/** A folder on a disk that may lose power. */
export type LossyDisk = {
  readonly base: string
  /** What sinks ask of the disk. After `calls` calls nothing works any more. */
  readonly fs: typeof real
  /** How many calls there were, and where they end. */
  calls: number
  endsAt: number
  readonly isDead: boolean
  /** The process was killed: what the system has it keeps, and another process goes on. */
  revive(): void
  /** The machine lost power: another disk, which holds only what was synced, by content and by name. */
  losePower(): LossyDisk
}

/** By an id that no other file gets, though its number is used again. */
type Id = string
type Entries = ReadonlyMap<string, Id>

/**
 * The worst disk that POSIX allows: a file's bytes survive from the last `fsync` of it on, a name from the last `fsync` of its folder on, and
 * neither by anything else (no journal that happens to write both). What was there at the beginning is durable.
 */
export function createLossyDisk(base = mkdtempSync(join(tmpdir(), 'millrace-power-'))): LossyDisk {
  const contents = new Map<Id, Uint8Array>()
  const folders = new Map<Id, Entries>()
  const idOf = (path: string): Id => {
    const { ino, birthtimeNs } = statSync(path, { bigint: true })
    return `${ino}.${birthtimeNs}`
  }
  const syncFile = (path: string, id: Id) => contents.set(id, readFileSync(path))
  const syncFolder = (path: string, id: Id) => folders.set(id, new Map(readdirSync(path).map((name) => [name, idOf(join(path, name))])))
  const syncAll = (path: string) => {
    if (!statSync(path).isDirectory()) return void syncFile(path, idOf(path))
    syncFolder(path, idOf(path))
    for (const name of readdirSync(path)) syncAll(join(path, name))
  }
  const restore = (id: Id, path: string) => {
    const entries = folders.get(id)
    const content = contents.get(id)
    // A name without anything behind it: an empty file, or a folder whose own names are lost.
    if (content) writeFileSync(path, content)
    else mkdirSync(path, { recursive: true })
    for (const [name, inside] of entries ?? []) restore(inside, join(path, name))
  }

  const watched = (handle: FileHandle, path: string): FileHandle => {
    const id = idOf(path)
    const isFolder = statSync(path).isDirectory()
    if (!isFolder && !contents.has(id)) contents.set(id, new Uint8Array(0))
    const sync = async () => {
      count()
      // By its number, whatever its names are now.
      if (isFolder) syncFolder(path, id)
      else contents.set(id, await bytesOf(handle))
    }
    return new Proxy(handle, {
      get(target, name) {
        if (name === 'sync' || name === 'datasync') return sync
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (name !== 'close') count()
          return Reflect.apply(member, target, args) as unknown
        }
      },
    })
  }

  const count = () => {
    if (++disk.calls > disk.endsAt) throw Object.assign(new Error('EIO: the power is gone'), { code: 'EIO' })
  }
  const counted = Object.fromEntries(
    Object.entries(real).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        count()
        // Each is called with its own arguments.
        const result = await (call as (...args: never[]) => Promise<unknown>)(...args)
        // What lies above the disk is another's.
        return name === 'open' && String(args[0]).startsWith(base) ? watched(result as FileHandle, String(args[0])) : result
      },
    ]),
  ) as typeof real // the same calls

  syncAll(base)
  const disk: LossyDisk = {
    base,
    fs: counted,
    calls: 0,
    endsAt: Number.POSITIVE_INFINITY,
    get isDead() {
      return disk.calls > disk.endsAt
    },
    revive() {
      disk.calls = 0
      disk.endsAt = Number.POSITIVE_INFINITY
    },
    losePower() {
      const after = mkdtempSync(join(tmpdir(), 'millrace-power-'))
      restore(idOf(base), after)
      return createLossyDisk(after)
    },
  }
  return disk
}

async function bytesOf(handle: FileHandle): Promise<Uint8Array> {
  const { size } = await handle.stat()
  const bytes = Buffer.alloc(size)
  // Read through the descriptor's number: it may have been opened for writing alone.
  const reader = await open(`/proc/self/fd/${handle.fd}`, 'r')
  await reader.read(bytes, 0, size, 0).finally(() => reader.close())
  return bytes
}
