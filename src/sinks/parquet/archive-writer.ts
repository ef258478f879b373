import { createHash } from 'node:crypto'
import type { ArchiveRows, ArchiveWriter, Catalog, CatalogColumn, CatalogFile } from '../../contracts/archive.ts'
import { tableName, type Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import type { EncoderPool } from '../../codecs/parquet/encoder-pool.ts'
import type { ParquetSchema } from '../../codecs/parquet/schema.ts'
import { fieldTexts, schemaElements } from '../../codecs/parquet/schema-text.ts'
import type { Store, StoreFile } from './store.ts'

export type ArchiveWriterOptions = {
  table: Table
  id: string
  schema: ParquetSchema
  pool: EncoderPool
  store: Store
  encoding: Parameters<EncoderPool['open']>[1]
  /** A part that has reached this size is closed. */
  rollBytes: number
}

type Part = { name: string; file: StoreFile; encoder: ReturnType<EncoderPool['open']>; bytes: number; hash: ReturnType<typeof createHash> }

export const CATALOG = 'catalog.json'

/**
 * One table's parts. As many are open at once as rows are written at once: each call has one for itself, so that all
 * threads encode. A part has its name only when it is whole, and the archive is one only when its catalog is there.
 */
export function createArchiveWriter(options: ArchiveWriterOptions): ArchiveWriter {
  const { table, id, pool, store, schema } = options
  const folder = `${tableFolder(table)}/${id}`
  const idle: Part[] = []
  const open = new Set<Part>()
  const files: CatalogFile[] = []
  let count = 0
  let isSealed = false

  function begin(): Part {
    const name = `part-${String(count++).padStart(5, '0')}.parquet`
    const file = store.create(`${folder}/${name}`)
    const part: Part = { name, file, encoder: pool.open(schema, options.encoding), bytes: 0, hash: createHash('sha256') }
    open.add(part)
    return part
  }

  async function append(part: Part, bytes: readonly Uint8Array[]): Promise<void> {
    for (const each of bytes) {
      part.hash.update(each)
      part.bytes += each.length
    }
    await part.file.append(bytes)
  }

  async function close(part: Part): Promise<void> {
    await append(part, await part.encoder.end({ 'millrace.source': tableName(table), 'millrace.snapshot': id }))
    await part.file.commit({ snapshot: id })
    open.delete(part)
    files.push({ name: part.name, rows: part.encoder.rows, bytes: part.bytes, sha256: part.hash.digest('hex') })
  }

  return {
    path: `${store.place}/${folder}`,
    schema: catalogColumns(table, schema),
    example: `SELECT * FROM '${store.place.replaceAll("'", "''")}/${folder.replaceAll("'", "''")}/*.parquet'`,
    async write(rows: ArchiveRows, signal) {
      signal.throwIfAborted()
      // What the threads were told of the columns is what they are: under the snapshot's locks no table changes its shape.
      if (rows.table.version !== table.version) throw new MillraceError('BUG', { reason: `${tableName(table)} changed in its snapshot` })
      const part = idle.pop() ?? begin()
      await append(part, await part.encoder.write(rows.columns()))
      if (part.bytes >= options.rollBytes) await close(part)
      else idle.push(part)
    },
    async finish() {
      if (count === 0) idle.push(begin())
      await Promise.all(idle.splice(0).map(close))
      return files.sort((one, other) => (one.name < other.name ? -1 : 1))
    },
    async seal(catalog: Catalog) {
      const file = store.create(`${folder}/${CATALOG}`)
      await file.append([Buffer.from(`${JSON.stringify(catalog, null, 2)}\n`)])
      await file.commit({ snapshot: id })
      isSealed = true
    },
    async discard() {
      for (const part of open) part.encoder.abandon()
      await Promise.allSettled([...open].map((part) => part.file.abandon()))
      open.clear()
      idle.length = 0
      // The catalog first: at no moment one that names parts which are not there.
      if (isSealed) await store.remove([`${folder}/${CATALOG}`])
      await store.remove(files.splice(0).map((file) => `${folder}/${file.name}`))
    },
  }
}

function catalogColumns(table: Table, schema: ParquetSchema): readonly CatalogColumn[] {
  const stored = fieldTexts(schemaElements(schema))
  return table.columns.map(({ name, sourceType, nullable }, at) => ({ name, type: sourceType, nullable, stored: stored[at] ?? '' }))
}
