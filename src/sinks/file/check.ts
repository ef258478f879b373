import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../../errors/millrace-error.ts'
import { at } from './errors.ts'

/** Finds what would fail, making nothing: the folder, or the nearest one above it that exists, must be one we may write. */
export async function checkFolder(path: string, sink: string): Promise<void> {
  await at({ sink, path }, async () => {
    let existing = path
    while (!(await exists(existing))) existing = dirname(existing)
    if (!(await stat(existing)).isDirectory()) throw new MillraceError('SINK_PATH_IS_FILE', { sink, path: existing })
    await access(existing, constants.W_OK | constants.X_OK)
  })
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    throw error
  }
}
