import { open } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  parquetMetadataAsync,
  parquetScan,
  type AsyncBuffer,
  type ColumnChunk,
  type Compressors,
  type FileMetaData,
  type ParquetScan,
  type SchemaElement,
} from 'hyparquet'
import type { Row } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createColumnReader, type ColumnReader } from './read-column.ts'

/** Bytes of a file, local or far: `path` names it in errors. `slice` gives exactly what is asked for, which lies inside. */
export type FileBytes = { path: string; byteLength: number; slice(start: number, end: number): Promise<Uint8Array> }

export type ParquetFooter = {
  rowCount: number
  /** The key-value metadata. */
  metadata: Readonly<Record<string, string>>
  /** As the file has it: the root, then its elements in depth-first order. */
  schema: readonly SchemaElement[]
  /** The columns' names, in order. */
  columns: readonly string[]
  raw: FileMetaData
}

/** A local file. Errors are those of node:fs. */
export async function openFileBytes(path: string): Promise<FileBytes & AsyncDisposable> {
  const file = await open(path)
  const { size } = await file.stat()
  return {
    path,
    byteLength: size,
    async slice(start, end) {
      const bytes = new Uint8Array(end - start)
      let read = 0
      while (read < bytes.length) {
        const { bytesRead } = await file.read(bytes, read, bytes.length - read, start + read)
        if (bytesRead === 0) throw malformed(path, 'it ends too early')
        read += bytesRead
      }
      return bytes
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}

export function bytesOfMemory(path: string, bytes: Uint8Array): FileBytes {
  return { path, byteLength: bytes.length, slice: async (start, end) => bytes.subarray(start, end) }
}

/** Nearly every footer is shorter: then it takes one read. */
const FOOTER_BYTES = 64 * 1024

/** What the end of the file says of it. PARQUET_MALFORMED where it is none, or cut. Errors of `slice` come through as they are. */
export function readFooter(file: FileBytes): Promise<ParquetFooter> {
  return guarded(file, async (buffer) => {
    const raw = await parquetMetadataAsync(buffer, { initialFetchSize: FOOTER_BYTES, geoparquet: false })
    const rowCount = Number(raw.num_rows)
    if (raw.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0) !== rowCount)
      throw malformed(file.path, 'its row groups hold another count of rows than it says')
    const metadata = Object.fromEntries((raw.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? '']))
    return { rowCount, metadata, schema: raw.schema, columns: topLevel(raw.schema).map(({ element }) => element.name), raw }
  })
}

/** So many rows at once at most: what decoding them takes is a multiple of what they take in the file. */
const ROWS_AT_ONCE = 32_768

/**
 * All rows in order, some thousands at a time, as canonical values: JSON that stands for arrays, maps and composites as
 * its text. PARQUET_MALFORMED where bytes make no sense, or where there is something that Millrace does not write.
 */
export async function* readRows(file: FileBytes, footer?: ParquetFooter): AsyncGenerator<Row[]> {
  const { raw } = footer ?? (await readFooter(file))
  const { metadata, readers } = await guarded(file, async () => plainMetadata(raw))
  let start = 0
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows)
    const cached = await cacheGroup(file, group)
    const scan = await openScan(cached, { metadata, readers, start, end })
    for (; start < end; start += ROWS_AT_ONCE)
      yield await readSlice(cached, { scan, readers, start, end: Math.min(end, start + ROWS_AT_ONCE) })
    start = end
  }
}

type Range = { readers: readonly ColumnReader[]; start: number; end: number }

/** Of lists, pages cannot be left out: those columns are decoded once for the whole row group, and kept by the scan. */
function openScan(file: FileBytes, { metadata, readers, start, end }: Range & { metadata: FileMetaData }): Promise<ParquetScan> {
  return guarded(file, async (buffer) => {
    const scan = await parquetScan({
      file: buffer,
      metadata,
      compressors: COMPRESSORS,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: false,
    })
    for (const [at, { isList }] of readers.entries())
      if (isList) await scan.readColumn({ column: String(at), rowStart: start, rowEnd: end })
    return scan
  })
}

/** One column after another, each awaited: a promise of the reader's that nobody awaits would end the process. */
function readSlice(file: FileBytes, { scan, readers, start, end }: Range & { scan: ParquetScan }): Promise<Row[]> {
  return guarded(file, async () => {
    const rows: Row[] = Array.from({ length: end - start }, () => [])
    for (const [at, { read }] of readers.entries()) {
      const values = await scan.readColumn({ column: String(at), rowStart: start, rowEnd: end })
      if (values.length !== rows.length) throw malformed(file.path, 'it holds another count of rows than it says')
      for (let i = 0; i < rows.length; i++) (rows[i] as Row).push(read(values[i])) // i < length
    }
    return rows
  })
}

const COMPRESSORS: Compressors = {
  ZSTD: (input) => zstdDecompressSync(input),
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
}

type Group = FileMetaData['row_groups'][number]

/** A row group's bytes are read once, though its rows are decoded in several goes. */
async function cacheGroup(file: FileBytes, group: Group): Promise<FileBytes> {
  const ranges = group.columns.map(({ meta_data: facts }) => {
    const start = Number(facts?.dictionary_page_offset ?? facts?.data_page_offset ?? 0)
    return { start, end: start + Number(facts?.total_compressed_size ?? 0) }
  })
  const start = Math.min(...ranges.map((range) => range.start))
  const end = Math.max(...ranges.map((range) => range.end))
  if (!(start >= 0 && start <= end && end <= file.byteLength)) throw malformed(file.path, 'a row group lies outside of it')
  const bytes = await file.slice(start, end)
  return {
    ...file,
    slice: async (from, to) => (from >= start && to <= end ? bytes.subarray(from - start, to - start) : file.slice(from, to)),
  }
}

/** A top-level column; of a list in the standard form with the levels below it, down to its items, `leaf`. */
type Node = { element: SchemaElement; leaf: SchemaElement; elements: readonly SchemaElement[] }

function topLevel(schema: readonly SchemaElement[]): Node[] {
  const nodes: Node[] = []
  for (let at = 1; at < schema.length;) {
    const element = schema[at] as SchemaElement // at < length
    const isList = element.num_children === 1 && schema[at + 1]?.num_children === 1 && schema[at + 1]?.repetition_type === 'REPEATED'
    const elements = schema.slice(at, at + (isList ? 3 : 1))
    nodes.push({ element, leaf: elements.at(-1) ?? element, elements })
    at += elements.length
  }
  return nodes
}

/**
 * As if no leaf had a logical type, each top-level column its number for a name, and no chunk more than where its pages
 * lie: values come as they are stored, by any name, and nothing in a damaged footer leads elsewhere.
 */
function plainMetadata(raw: FileMetaData): { metadata: FileMetaData; readers: ColumnReader[] } {
  const nodes = topLevel(raw.schema)
  const readers = nodes.map(({ element, leaf }) => createColumnReader(element, leaf))
  const root = raw.schema[0]
  if (root === undefined || (root.num_children ?? 0) !== nodes.length) throw new Error('parquet schema is not one that Millrace writes')
  const schema = nodes.flatMap(({ elements }, at) =>
    elements.map((element, depth) => plainElement(element, depth === 0 ? String(at) : element.name)),
  )
  const paths = nodes.map(({ elements }, at) => [String(at), ...elements.slice(1).map((element) => element.name)])
  const row_groups = raw.row_groups.map((group) => ({ ...group, columns: paths.map((path, at) => plainChunk(group.columns[at], path)) }))
  return { metadata: { ...raw, schema: [root, ...schema], row_groups }, readers }
}

function plainElement({ converted_type, logical_type: _, ...element }: SchemaElement, name: string): SchemaElement {
  return converted_type === 'LIST' ? { ...element, name, converted_type } : { ...element, name }
}

function plainChunk(chunk: ColumnChunk | undefined, path: string[]): ColumnChunk {
  if (!chunk?.meta_data) throw new Error('parquet column chunk is missing')
  const { statistics: _, ...facts } = chunk.meta_data
  return { file_offset: chunk.file_offset, meta_data: { ...facts, path_in_schema: path } }
}

/**
 * Whatever the reader says of bytes that make no sense is one error; what the file's medium says comes through. To the
 * reader a slice never fails, since it may have stopped listening: it gets nothing, and what happened is told at the end.
 */
async function guarded<Result>(file: FileBytes, read: (buffer: AsyncBuffer) => Promise<Result>): Promise<Result> {
  const failures: unknown[] = []
  async function slice(start: number, end = file.byteLength): Promise<ArrayBuffer> {
    try {
      if (!(start >= 0 && start <= end && end <= file.byteLength)) throw malformed(file.path, 'what it points to lies outside of it')
      return Uint8Array.from(await file.slice(start, end)).buffer
    } catch (error) {
      failures.push(error)
      return new ArrayBuffer(0)
    }
  }
  try {
    const result = await read({ byteLength: file.byteLength, slice })
    if (failures.length > 0) throw failures[0]
    return result
  } catch (error) {
    if (failures.length > 0) throw failures[0]
    if (error instanceof MillraceError) throw error
    // The reader's own messages speak of the format; what the runtime threw speaks of nothing.
    const isSpoken = error instanceof Error && error.message.startsWith('parquet ')
    const reason = isSpoken ? error.message : 'its bytes make no sense'
    throw new MillraceError('PARQUET_MALFORMED', { path: file.path, reason }, { cause: error })
  }
}

function malformed(path: string, reason: string): MillraceError {
  return new MillraceError('PARQUET_MALFORMED', { path, reason })
}
