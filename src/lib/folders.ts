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
