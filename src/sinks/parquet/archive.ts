import type { Archive, ArchiveFolder } from '../../contracts/archive.ts'
import { openEncoderPool } from '../../codecs/parquet/encoder-pool.ts'
import { parquetSchema, type SchemaOptions } from '../../codecs/parquet/schema.ts'
import { inspectPart } from './archive-inspect.ts'
import { OWN_FOLDER } from './names.ts'
import { CATALOG, createArchiveWriter, type ArchiveWriterOptions } from './archive-writer.ts'
import type { Store } from './store.ts'

export type ParquetArchiveOptions = Pick<ArchiveWriterOptions, 'encoding' | 'rollBytes' | 'misfits'> &
  Pick<SchemaOptions, 'misfit'> & { threads: number }

/** Columns on their way into the threads: what waits there is read already, and costs memory alone. */
const IN_FLIGHT_BYTES = 16 << 20

/** Archives as Parquet: `<schema>.<table>/<snapshot id>/part-00000.parquet` …, and `catalog.json` last. */
export function openParquetArchive(store: Store, options: ParquetArchiveOptions): Archive {
  let pool: ReturnType<typeof openEncoderPool> | null = null
  return {
    ending: '.parquet',
    async begin(table, id) {
      pool ??= openEncoderPool({ threads: options.threads, inFlightBytes: IN_FLIGHT_BYTES })
      const schema = parquetSchema(table.columns, { ...(options.misfit ? { misfit: options.misfit } : {}), key: table.key })
      return createArchiveWriter({ ...options, table, id, schema, pool, store, partsAtOnce: options.threads })
    },
    list: (signal) => listFolders(store, '', signal),
    async inspect(folder, file, signal) {
      await using bytes = await store.open(nameOf(store, folder, file))
      return await inspectPart(bytes, signal)
    },
    async [Symbol.asyncDispose]() {
      await pool?.[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** What only an archive's folder holds; the sink's own files are named otherwise. */
const OF_ARCHIVES = /^(catalog\.json|part-\d{5,}\.parquet)$/

async function* listFolders(store: Store, under: string, signal: AbortSignal): AsyncGenerator<ArchiveFolder> {
  signal.throwIfAborted()
  const files = await store.list(under)
  if (files.some((file) => OF_ARCHIVES.test(file))) {
    const catalog = files.includes(CATALOG) ? await readText(store, inFolder(under, CATALOG)) : null
    yield { path: inFolder(store.place, under), catalog, files: files.filter((file) => file !== CATALOG) }
  }
  const folders = await store.folders(under)
  for (const folder of folders.toSorted()) if (folder !== OWN_FOLDER) yield* listFolders(store, inFolder(under, folder), signal)
}

function inFolder(folder: string, name: string): string {
  return folder === '' || name === '' ? folder + name : `${folder}/${name}`
}

/** The name of a folder's file in the store. */
function nameOf(store: Store, { path }: ArchiveFolder, file: string): string {
  return inFolder(path.slice(store.place.length + 1), file)
}

async function readText(store: Store, name: string): Promise<string> {
  await using file = await store.open(name)
  return Buffer.from(await file.slice(0, file.byteLength)).toString()
}
