import { resolve } from 'node:path'
import type { SinkContext } from '../../contracts/sink.ts'
import type { ParquetConfig } from './config.ts'
import type { Store } from './store.ts'

const S3 = /^s3:\/\/([^/]+)\/?(.*)$/

/** Opens the place that `path` names. `owner`: whose temporary files are swept there. */
export async function openStore(
  config: ParquetConfig,
  { name, baseDir, owner }: Pick<SinkContext, 'name' | 'baseDir'> & { owner: string },
): Promise<Store> {
  const match = S3.exec(config.path)
  if (match?.[1] === undefined) {
    const { createLocalStore } = await import('./local-store.ts')
    return createLocalStore({ sink: name, root: resolve(baseDir, config.path), owner })
  }
  const { openS3Store } = await import('./s3-store.ts')
  const prefix = (match[2] ?? '').replace(/\/+$/, '')
  return openS3Store({ sink: name, bucket: match[1], prefix, partSize: config.partSize, settings: config })
}

/** A folder name for one sink of one pipeline. */
export function ownerOf({ pipeline, name }: Pick<SinkContext, 'pipeline' | 'name'>): string {
  return encodeURIComponent(`${pipeline}.${name}`)
}
