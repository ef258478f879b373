import type { Columns } from '../../contracts/batch.ts'
import { createColumnEncoder } from './column-encoder.ts'
import { createCompress } from './compress.ts'
import { createFailureLatch } from './failure-latch.ts'
import { fitColumns } from './fit-columns.ts'
import { encodeFooter, encodeHeader, type Compression, type RowGroupFacts } from './footer.ts'
import { createGrowingBytes } from './growing-bytes.ts'
import type { Misfits } from './misfit.ts'
import { prepareValues } from './prepare-values.ts'
import type { ParquetSchema } from './schema.ts'
import { slicesOf } from './slice-columns.ts'
import type { PreparedColumns } from './stored-vector.ts'

export type WriterOptions = {
  compression: Compression
  /** The codec's own scale; left out: what measurement chose (ADR 8). */
  level?: number
  /** Bytes before compression at which a row group is closed: what a file in the making keeps in memory, at most, beside one batch. Default 32 MB. */
  rowGroupBytes?: number
}

/** One file in the making. Synchronous; what is returned are its bytes, in order, and they are the caller's. */
export type ParquetWriter = {
  /** Throws PARQUET_VALUE for a value that the schema's policy does not allow, and then again at every call: the file misses rows. */
  write(columns: Columns): readonly Uint8Array[]
  /** The last bytes; `metadata` becomes the footer's key-value metadata. Without any rows it is a file that has its schema. */
  end(metadata: Readonly<Record<string, string>>): readonly Uint8Array[]
  /** Written so far. */
  readonly rows: number
  /** Returned so far. */
  readonly bytes: number
  /** Values clamped or made NULL so far, by column. */
  readonly misfits: Readonly<Misfits>
}

export function createParquetWriter(schema: ParquetSchema, options: WriterOptions): ParquetWriter {
  const misfits: Misfits = {}
  const encoder = createFileEncoder(schema, options, misfits)
  const guard = createFailureLatch()
  return {
    write: (columns) => guard(() => encoder.write(prepareValues(schema, columns, misfits))),
    end: (metadata) => guard(() => encoder.end(metadata)),
    get rows() {
      return encoder.rows
    },
    get bytes() {
      return encoder.bytes
    },
    misfits,
  }
}

/** The same for vectors that hold no canonical values any more: the part that runs in a thread. */
export type FileEncoder = Pick<ParquetWriter, 'end' | 'rows' | 'bytes'> & { write(columns: PreparedColumns): readonly Uint8Array[] }

const ROW_GROUP_BYTES = 32 * 1024 * 1024
const PAGE_BYTES = 1024 * 1024

export function createFileEncoder(schema: ParquetSchema, options: WriterOptions, misfits: Misfits): FileEncoder {
  const { compression, level, rowGroupBytes = ROW_GROUP_BYTES } = options
  const pageBytes = Math.max(4096, Math.min(PAGE_BYTES, rowGroupBytes / Math.max(1, schema.fields.length)))
  const context = { compress: createCompress(compression, level), pageBytes, scratch: createGrowingBytes(pageBytes) }
  const encoders = schema.fields.map((field) => createColumnEncoder(field, context))
  const rowGroups: RowGroupFacts[] = []
  let rows = 0
  let groupRows = 0
  let bytes = 0
  let out: Uint8Array[] = []

  function emit(part: Uint8Array): void {
    bytes += part.length
    out.push(part)
  }

  function append({ rowCount, vectors }: PreparedColumns): void {
    // The cast: vectors align with the fields.
    encoders.forEach((encoder, at) => encoder.append(vectors[at] as PreparedColumns['vectors'][number], rowCount))
    rows += rowCount
    groupRows += rowCount
    if (encoders.reduce((sum, encoder) => sum + encoder.size(), 0) >= rowGroupBytes) closeGroup()
  }

  function closeGroup(): void {
    if (groupRows === 0) return
    const chunks = encoders.map((encoder) => {
      const { pages, facts } = encoder.take()
      const chunk = { ...facts, offset: bytes }
      pages.forEach(emit)
      return chunk
    })
    rowGroups.push({ rowCount: groupRows, chunks })
    groupRows = 0
  }

  function takeOut(): readonly Uint8Array[] {
    const taken = out
    out = []
    return taken
  }

  emit(encodeHeader())
  return {
    write(columns) {
      for (const slice of slicesOf(columns)) append(fitColumns(schema, slice, misfits))
      return takeOut()
    },
    end(metadata) {
      closeGroup()
      emit(encodeFooter({ schema, compression, rowGroups, metadata }))
      return takeOut()
    },
    get rows() {
      return rows
    },
    get bytes() {
      return bytes
    },
  }
}
