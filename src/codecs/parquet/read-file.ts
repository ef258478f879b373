import { open } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { parquetMetadataAsync, parquetRead, type AsyncBuffer, type Compressors, type FileMetaData, type SchemaElement } from 'hyparquet'
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
  const readers = await guarded(file, async () => topLevel(raw.schema).map((node) => createColumnReader(node.element, node.leaf)))
  const metadata = plainMetadata(raw)
  let start = 0
  for (const group of raw.row_groups) {
    const end = start + Number(group.num_rows)
    const cached = await cacheGroup(file, group)
    for (; start < end; start += ROWS_AT_ONCE)
      yield await readSlice(cached, { metadata, readers, start, end: Math.min(end, start + ROWS_AT_ONCE) })
    start = end
  }
}

type Slice = { metadata: FileMetaData; readers: readonly ColumnReader[]; start: number; end: number }

function readSlice(file: FileBytes, { metadata, readers, start, end }: Slice): Promise<Row[]> {
  return guarded(file, async (buffer) => {
    let rows: unknown[][] = []
    await parquetRead({
      file: buffer,
      metadata,
      compressors: COMPRESSORS,
      utf8: false,
      geoparquet: false,
      rowStart: start,
      rowEnd: end,
      onComplete: (read) => (rows = read),
    })
    if (rows.length !== end - start) throw malformed(file.path, 'it holds another count of rows than it says')
    return rows.map((row) => readers.map((read, at) => read(row[at])))
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

/** Top-level columns, with the leaf of those that are lists in the standard form. */
function topLevel(schema: readonly SchemaElement[]): { element: SchemaElement; leaf: SchemaElement }[] {
  const nodes: { element: SchemaElement; leaf: SchemaElement }[] = []
  for (let at = 1; at < schema.length;) {
    const element = schema[at] as SchemaElement // at < length
    const isList = element.num_children === 1 && schema[at + 1]?.num_children === 1
    nodes.push({ element, leaf: (isList ? schema[at + 2] : undefined) ?? element })
    at += isList ? 3 : 1 + (element.num_children ?? 0)
  }
  return nodes
}

/** As if no leaf had a logical type and each top-level column its number for a name: values come as they are stored, by any name. */
function plainMetadata(raw: FileMetaData): FileMetaData {
  const columns = topLevel(raw.schema)
  const numbers = new Map(columns.map(({ element }, at) => [element, String(at)]))
  const schema = raw.schema.map((element) => {
    const name = numbers.get(element) ?? element.name
    return element.num_children === undefined ? plainElement({ ...element, name }) : { ...element, name }
  })
  const row_groups = raw.row_groups.map((group) => ({
    ...group,
    columns: group.columns.map((column, at) => {
      const facts = column.meta_data
      if (!facts) return column
      const { statistics: _, ...rest } = facts
      return { ...column, meta_data: { ...rest, path_in_schema: [String(at), ...facts.path_in_schema.slice(1)] } }
    }),
  }))
  return { ...raw, schema, row_groups }
}

function plainElement({ converted_type: _converted, logical_type: _logical, ...element }: SchemaElement): SchemaElement {
  return element
}

/** Whatever the reader says of bytes that make no sense is one error; what the file's medium says comes through. */
async function guarded<Result>(file: FileBytes, read: (buffer: AsyncBuffer) => Promise<Result>): Promise<Result> {
  let failure: { error: unknown } | null = null
  async function slice(start: number, end = file.byteLength): Promise<ArrayBuffer> {
    if (!(start >= 0 && start <= end && end <= file.byteLength)) throw malformed(file.path, 'what it points to lies outside of it')
    try {
      const bytes = await file.slice(start, end)
      return bytes.buffer.byteLength === bytes.length ? (bytes.buffer as ArrayBuffer) : (Uint8Array.from(bytes).buffer as ArrayBuffer)
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  try {
    return await read({ byteLength: file.byteLength, slice })
  } catch (error) {
    if (failure !== null) throw (failure as { error: unknown }).error
    if (error instanceof MillraceError) throw error
    // The reader's own messages speak of the format; what the runtime threw speaks of nothing.
    const isSpoken = error instanceof Error && error.message.startsWith('parquet ')
    throw new MillraceError(
      'PARQUET_MALFORMED',
      { path: file.path, reason: isSpoken ? error.message : 'its bytes make no sense' },
      { cause: error },
    )
  }
}

function malformed(path: string, reason: string): MillraceError {
  return new MillraceError('PARQUET_MALFORMED', { path, reason })
}
