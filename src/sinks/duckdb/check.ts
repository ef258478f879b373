import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MillraceError } from '../../errors/millrace-error.ts'
import { openDatabase } from './client.ts'
import type { DuckdbConfig } from './config.ts'
import { toSinkError } from './errors.ts'
import { checkPath } from './sink.ts'

/** Can the file be opened and written? A file that does not exist is not made: its folder must be writable. */
export async function checkDuckdbSink(config: DuckdbConfig, { baseDir, name: sink }: { baseDir: string; name: string }): Promise<void> {
  const path = resolve(baseDir, config.path)
  await checkPath(sink, path)
  const exists = (await stat(path).catch(() => null)) !== null
  for (const needed of exists ? [path, dirname(path)] : [dirname(path)]) {
    await access(needed, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
      throw new MillraceError('SINK_NOT_WRITABLE', { sink, path: needed, reason: error.code ?? error.message })
    })
  }
  if (!exists) return
  try {
    using _database = await openDatabase(sink, path, config)
  } catch (error) {
    throw toSinkError(error, { sink, path })
  }
}
