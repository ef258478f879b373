import type { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

type FolderSystem = { mkdir: typeof mkdir; open: typeof open; stat: typeof stat }

/**
 * Makes a folder and those above it; returns the folders that hold what was made, for `syncFolder`. Level by level: where the
 * system says of a folder that is there that it is not (`/proc`), Node's recursive way never ends.
 */
export async function makeFolder(fs: FolderSystem, path: string): Promise<string[]> {
  const missing = await missingFolders(fs, path)
  for (const folder of missing) await makeOne(fs, folder)
  return missing.map((folder) => dirname(folder))
}

/** What is missing of a path, from above. */
export async function missingFolders(fs: FolderSystem, path: string): Promise<string[]> {
  const missing: string[] = []
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await fs.stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || folder === dirname(folder)) throw error
      return null
    })
    if (found?.isDirectory()) return missing
    if (found !== null) throw Object.assign(new Error(`${folder} is no folder`), { code: 'ENOTDIR' })
    missing.unshift(folder)
  }
}

/** Another sink may have made it meanwhile. */
async function makeOne(fs: FolderSystem, folder: string): Promise<void> {
  try {
    await fs.mkdir(folder)
  } catch (error) {
    const isThere = await fs.stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    )
    if (!isThere) throw error
  }
}

/** Makes what happened to a folder's entries durable: a file's own fsync does not cover its name. */
export async function syncFolder(fs: FolderSystem, path: string): Promise<void> {
  const folder = await fs.open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** What cannot be asked for: of a folder above ours that is somebody else's, or of a system that knows no such call. */
const UNASKED = new Set(['EACCES', 'EPERM', 'EINVAL', 'EROFS'])

/** As `syncFolder`, for what an earlier life may have left unsynced, where the system lets us. */
export async function settleFolder(fs: FolderSystem, path: string): Promise<void> {
  await syncFolder(fs, path).catch((error: NodeJS.ErrnoException) => {
    if (!UNASKED.has(error.code ?? '')) throw error
  })
}

/**
 * Makes folders whose names survive a crash of the machine. Each is made only once the name of the one above is durable: so whoever was
 * killed on the way left at most the lowest of a path unsettled, and the first look at a folder that is there settles that one.
 */
export function createDurableFolders(fs: FolderSystem): (path: string) => Promise<void> {
  const settled = new Set<string>()
  return async (path) => {
    const missing = await missingFolders(fs, path)
    const lowest = missing[0] === undefined ? path : dirname(missing[0])
    if (!settled.has(lowest)) await settleFolder(fs, dirname(lowest))
    settled.add(lowest)
    for (const folder of missing) {
      await makeOne(fs, folder)
      await syncFolder(fs, dirname(folder))
      settled.add(folder)
    }
  }
}
