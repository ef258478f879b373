import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, rename, rm, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openFileBytes } from '../../codecs/parquet/read-file.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { faultPoint } from '../../lib/fault-point.ts'
import { createDurableFolders, makeFolder, missingFolders, settleFolder, syncFolder } from '../../lib/folders.ts'
import { at } from './file-errors.ts'
import { OWN_FOLDER } from './names.ts'
import type { Store, StoreFile } from './store.ts'

/** What the store needs of the disk; tests put a failing one in its place. */
export const fileSystem = { link, mkdir, open, readdir, rename, rm, rmdir, stat, unlink }
export type FileSystem = typeof fileSystem

/** `owner`: who alone writes temporary files of that name, so that what lies there at a start is left over. */
export type LocalStoreOptions = { sink: string; root: string; owner: string; fs?: FileSystem }

/** A file is opened once it has this much: a thousand quiet tables need no thousand descriptors. */
const HELD_BYTES = 256 * 1024

/**
 * Files in a local folder. Written under a temporary name and synced; then linked to its own name, which fails where that is
 * taken; then the folder is synced. A crash between any two of these leaves a temporary file, or the whole file and a
 * temporary name of it: `sweep` removes both.
 */
export function createLocalStore({ sink, root, owner, fs = fileSystem }: LocalStoreOptions): Store {
  const temporary = join(root, OWN_FOLDER, owner, 'tmp')
  const on = <T>(path: string, act: () => Promise<T>) => at({ sink, path }, act)

  const ensureFolder = createDurableFolders(fs)

  let isSwept = false
  /** Once, for all folders: later what lies there is of this life. */
  async function sweep(): Promise<void> {
    if (isSwept) return
    isSwept = true
    await on(temporary, () => fs.rm(temporary, { recursive: true, force: true }))
  }

  async function check(): Promise<void> {
    await on(root, async () => {
      const missing = await missingFolders(fs, root)
      const path = join(root, `.millrace-check-${randomUUID()}`)
      try {
        await makeFolder(fs, root)
        await (await fs.open(path, 'wx')).close()
        await fs.link(path, `${path}-link`)
      } finally {
        for (const made of [path, `${path}-link`]) await fs.rm(made, { force: true }).catch(() => {}) // it may never have been made
        // One that is not there, or in which somebody else wrote meanwhile, is none of ours.
        for (const folder of missing.toReversed()) await fs.rmdir(folder).catch(() => {})
      }
    })
  }

  function create(name: string): StoreFile {
    const path = join(root, name)
    const written = join(temporary, randomUUID())
    let held: Uint8Array[] = []
    let heldBytes = 0
    let handle: FileHandle | null = null

    async function append(pieces: readonly Uint8Array[]): Promise<void> {
      held.push(...pieces)
      for (const piece of pieces) heldBytes += piece.byteLength
      if (heldBytes >= HELD_BYTES) await on(path, write)
    }

    async function write(): Promise<FileHandle> {
      if (handle === null) {
        await ensureFolder(temporary)
        handle = await fs.open(written, 'wx')
      }
      const pieces = held
      held = []
      heldBytes = 0
      // Not `writev`: it may write less than it was given.
      for (const piece of pieces) await handle.writeFile(piece)
      return handle
    }

    async function commit(): Promise<void> {
      await on(path, async () => {
        const file = await write()
        await file.sync()
        await file.close()
        handle = null
        await ensureFolder(dirname(path))
        faultPoint('parquet-link')
        await linkOnce()
        faultPoint('parquet-linked')
        await syncFolder(fs, dirname(path))
        await fs.unlink(written)
      })
    }

    async function linkOnce(): Promise<void> {
      try {
        await fs.link(written, path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        throw new MillraceError('SINK_SECOND_WRITER', { sink, path }, { cause: error })
      }
    }

    async function abandon(): Promise<void> {
      held = []
      // What cannot be removed now is swept at the next start.
      await handle?.close().catch(() => {})
      await fs.rm(written, { force: true }).catch(() => {})
    }

    return {
      append,
      commit,
      abandon,
      get heldBytes() {
        return heldBytes
      },
    }
  }

  const looked = new Set<string>()
  async function list(folder: string, after = ''): Promise<readonly string[]> {
    if (!looked.has(folder)) await settle(folder)
    looked.add(folder)
    const entries = await entriesOf(folder)
    const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
    return names.filter((name) => name > after).sort(byCode)
  }

  /** A file that is there counts as durable, and who was killed between its link and the sync of its folder left a name that is not. */
  async function settle(folder: string): Promise<void> {
    const path = join(root, folder)
    await on(path, async () => {
      const found = await fs.stat(path).catch(() => null) // what is wrong with it, the listing says
      if (found?.isDirectory()) await settleFolder(fs, path)
    })
  }

  async function folders(folder: string): Promise<readonly string[]> {
    return (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  }

  async function entriesOf(folder: string) {
    const path = join(root, folder)
    return on(path, async () => {
      try {
        return await fs.readdir(path, { withFileTypes: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    })
  }

  function openFile(name: string) {
    const path = join(root, name)
    return on(path, () => openFileBytes(path))
  }

  async function remove(names: readonly string[]): Promise<void> {
    for (const name of names) await on(join(root, name), () => fs.rm(join(root, name), { force: true }))
    const touched = new Set(names.map((name) => dirname(join(root, name))))
    for (const folder of touched) await on(folder, () => syncFolder(fs, folder))
  }

  async function move(from: string, to: string): Promise<void> {
    const [source, target] = [join(root, from), join(root, to)]
    await on(target, async () => {
      await ensureFolder(dirname(target))
      await fs.rename(source, target)
      await syncFolder(fs, dirname(target))
    })
  }

  return { place: root, sweep, check, create, list, folders, open: openFile, remove, move, [Symbol.asyncDispose]: async () => {} }
}

/** As `<` orders names, whatever the language. */
function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
