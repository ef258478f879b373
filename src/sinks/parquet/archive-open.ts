import { availableParallelism } from 'node:os'
import type { Archive } from '../../contracts/archive.ts'
import type { ArchiveContext } from '../../contracts/definition.ts'
import { openParquetArchive } from './archive.ts'
import type { ParquetConfig } from './config.ts'
import { openStore } from './open-store.ts'

/** Row groups of this size: smaller than the sink's own, since as many parts are in the making as chunks are read at once. */
const ROW_GROUP_BYTES = 16 << 20

/** Archives where the sink of this configuration keeps its files; nothing of the sink's own is touched. */
export async function openArchive(config: ParquetConfig, { baseDir, name }: Pick<ArchiveContext, 'baseDir' | 'name'>): Promise<Archive> {
  const { compression, level, rollSize, onValue, threads } = config
  // Never swept: another snapshot may be writing there just now, and every name there is made only once.
  const store = await openStore(config, { baseDir, name, owner: 'archives' })
  return openParquetArchive(store, {
    encoding: { compression, rowGroupBytes: Math.min(ROW_GROUP_BYTES, rollSize), ...(level === undefined ? {} : { level }) },
    rollBytes: rollSize,
    misfit: onValue,
    // Nothing else is done meanwhile: an archive may have the machine's cores, where the sink beside a stream has what it was given.
    threads: Math.max(threads, Math.min(4, availableParallelism())),
  })
}
