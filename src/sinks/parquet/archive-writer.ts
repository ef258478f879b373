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
  partsAtOnce: number
  /** Told of a file's values that were clamped or made NULL, by column. */
  misfits(path: string, counts: Readonly<Record<string, number>>): void
}

type Part = {
  name: string
  file: StoreFile
  encoder: ReturnType<EncoderPool['open']>
  bytes: number
  hash: ReturnType<typeof createHash>
  /** Rows on their way into it. */
  writing: number
  /** What comes next is appended after this. */
  tail: Promise<void>
}

export const CATALOG = 'catalog.json'

/**
 * One table's parts, as many open at once as there are threads to encode them: each file is encoded by one.
 * A part has its name only when it is whole, and the archive is one only when its catalog is there.
 */
export function createArchiveWriter(options: ArchiveWriterOptions): ArchiveWriter {
  const { table, id, pool, store, schema } = options
  const folder = `${tableFolder(table)}/${id}`
  /** Not closed yet. */
  const begun = new Set<Part>()
  /** Of these, those that take more rows. */
  const open = new Set<Part>()
  const files: CatalogFile[] = []
  let count = 0
  let isSealed = false

  function begin(): Part {
    const name = `part-${String(count++).padStart(5, '0')}.parquet`
    const part: Part = {
      name,
      file: store.create(`${folder}/${name}`),
      encoder: pool.open(schema, options.encoding),
      bytes: 0,
      hash: createHash('sha256'),
      writing: 0,
      tail: Promise.resolve(),
    }
    begun.add(part)
    open.add(part)
    return part
  }

  /** An idle one, else a new one, else that with the least to do. */
  function choose(): Part {
    const [least] = [...open].sort((one, other) => one.writing - other.writing)
    return least && (least.writing === 0 || open.size >= options.partsAtOnce) ? least : begin()
  }

  /** Bytes come out of the encoder in the order of the calls, and go into the file in that order. */
  function append(part: Part, encoded: Promise<readonly Uint8Array[]>): Promise<void> {
    encoded.catch(() => {}) // met below, once what goes before has been written
    part.tail = part.tail.then(async () => {
      const bytes = await encoded
      for (const each of bytes) {
        part.hash.update(each)
        part.bytes += each.length
      }
      await part.file.append(bytes)
    })
    return part.tail
  }

  async function close(part: Part): Promise<void> {
    await append(part, part.encoder.end({ 'millrace.source': tableName(table), 'millrace.snapshot': id }))
    await part.file.commit({ snapshot: id })
    const { misfits } = part.encoder
    if (Object.keys(misfits).length > 0) options.misfits(`${store.place}/${folder}/${part.name}`, misfits)
    open.delete(part)
    begun.delete(part)
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
      const part = choose()
      part.writing++
      try {
        await append(part, part.encoder.write(rows.columns()))
      } finally {
        part.writing--
      }
      if (part.bytes >= options.rollBytes) open.delete(part)
      if (part.writing === 0 && !open.has(part)) await close(part)
    },
    async finish() {
      if (count === 0) begin()
      await Promise.all([...open].map(close))
      return files.sort((one, other) => (one.name < other.name ? -1 : 1))
    },
    async seal(catalog: Catalog) {
      const file = store.create(`${folder}/${CATALOG}`)
      await file.append([Buffer.from(`${JSON.stringify(catalog, null, 2)}\n`)])
      await file.commit({ snapshot: id })
      isSealed = true
    },
    async discard() {
      const unfinished = [...begun]
      begun.clear()
      for (const part of unfinished) part.encoder.abandon()
      await Promise.allSettled(unfinished.map((part) => part.file.abandon()))
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
