import { availableParallelism } from 'node:os'
import type { Archive } from '../../contracts/archive.ts'
import type { ArchiveContext } from '../../contracts/definition.ts'
import { openParquetArchive } from './archive.ts'
import type { ParquetConfig } from './config.ts'
import { openStore } from './open-store.ts'

/** Row groups are closed at this size, before compression: what a part in the making keeps in a thread's memory. */
const ROW_GROUP_BYTES = 8 << 20

/** Archives where the sink of this configuration keeps its files; nothing of the sink's own is touched. */
export async function openArchive(config: ParquetConfig, { baseDir, name, log }: ArchiveContext): Promise<Archive> {
  const { compression, level, rollSize, onValue, threads } = config
  // Never swept: another snapshot may be writing there just now, and every name there is made only once.
  const store = await openStore(config, { baseDir, name, owner: 'archives' })
  return openParquetArchive(store, {
    encoding: { compression, rowGroupBytes: Math.min(ROW_GROUP_BYTES, rollSize), ...(level === undefined ? {} : { level }) },
    rollBytes: rollSize,
    misfit: onValue,
    misfits: (path, values) => log.warn('misfits', { sink: name, path, policy: onValue, values }),
    // Nothing else is done meanwhile: an archive may have the cores that reading leaves.
    threads: Math.max(threads, Math.min(4, availableParallelism() - 1)),
  })
}
