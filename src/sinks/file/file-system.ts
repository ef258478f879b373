import { mkdir, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What the sink needs of the disk; tests put a failing one in its place. */
export const fileSystem = { mkdir, open, readdir, readFile, rm, stat, truncate }

export type FileSystem = typeof fileSystem

/** Makes a folder and those above it; returns the folders that hold what was made, for `syncFolder`. */
export async function makeFolder(fs: FileSystem, path: string): Promise<string[]> {
  const made = await fs.mkdir(path, { recursive: true })
  if (made === undefined) return []
  const above: string[] = []
  for (let child = path; child !== dirname(made); child = dirname(child)) above.push(dirname(child))
  return above
}

/** Makes what happened to a folder's entries durable: a file's own fsync does not cover its name. */
export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const folder = await fs.open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
