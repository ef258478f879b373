import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { makeFolder, missingFolders } from '../../lib/folders.ts'
import { at } from './errors.ts'
import { fileSystem as fs } from './file-system.ts'

/** Finds what would fail by doing it: makes the folder and a file in it, and removes what it made. */
export async function checkFolder(path: string, sink: string): Promise<void> {
  await at({ sink, path }, async () => {
    const missing = await missingFolders(fs, path)
    try {
      await makeFolder(fs, path)
      await tryFile(join(path, `.millrace-check-${randomUUID()}`))
    } finally {
      // One that is not there, or in which somebody else wrote meanwhile, is none of ours.
      for (const folder of missing.toReversed()) await fs.rmdir(folder).catch(() => {})
    }
  })
}

async function tryFile(path: string): Promise<void> {
  const handle = await fs.open(path, 'wx')
  await handle.close()
  await fs.rm(path)
}
