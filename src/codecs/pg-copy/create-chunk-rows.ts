import type { Columns } from '../../contracts/batch.ts'
import type { ChunkRows } from '../../contracts/source.ts'
import type { Row, Table } from '../../contracts/table.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import { malformed } from '../pg-types/malformed.ts'
import { createCopyDecoder, type CopyDecoder } from './create-copy-decoder.ts'
import { scanRows } from './scan-rows.ts'

export type CopiedRows = {
  table: Table
  /** Per column, whether COPY selected it as text (`typeOf`). */
  asText: readonly boolean[]
  /** The payloads of CopyData, whole or a piece of whole rows, with or without header and trailer. */
  bytes: Uint8Array | readonly Uint8Array[]
  /** What the server said, where it did; anything else is malformed. */
  rowCount?: number
}

/** COPY BINARY's bytes as a chunk's rows. The rows are found at once, their values decoded when asked for. */
export function createChunkRows({ table, asText, bytes, rowCount }: CopiedRows): ChunkRows {
  const buf = toBuffer(bytes)
  const decoder = createCopyDecoder(table, asText)
  const starts = scanRows(buf, table.columns.length, rowCount)
  if (rowCount !== undefined && starts.length !== rowCount) {
    throw malformed(buf.length, `COPY sent ${starts.length} rows and announced ${rowCount}`)
  }
  return createRows({ table, decoder, buf, starts, keyOf: createKeyOf(table), bytes: buf.length })
}

type Parts = { table: Table; decoder: CopyDecoder; buf: Buffer; starts: Int32Array; keyOf: (row: Row) => string; bytes: number }

function createRows(parts: Parts): ChunkRows {
  const { table, decoder, buf, starts, keyOf, bytes } = parts
  let rows: readonly Row[] | undefined
  let columns: Columns | undefined
  return {
    table,
    rowCount: starts.length,
    bytes,
    rows: () => (rows ??= decoder.rows(buf, starts)),
    columns: () => (columns ??= decoder.columns(buf, starts)),
    key: (index) => keyOf(decoder.keyRow(buf, startOf(starts, index))),
    filter(keep) {
      const kept = starts.filter((_, row) => keep[row] === 1)
      return createRows({ ...parts, starts: kept, bytes: Math.ceil((bytes * kept.length) / Math.max(starts.length, 1)) })
    },
  }
}

function startOf(starts: Int32Array, index: number): number {
  const start = starts[index]
  if (start === undefined) throw new RangeError(`There is no row ${index} of ${starts.length}`)
  return start
}

function toBuffer(bytes: Uint8Array | readonly Uint8Array[]): Buffer {
  if (!(bytes instanceof Uint8Array)) return bytes.length === 1 && bytes[0] ? toBuffer(bytes[0]) : Buffer.concat(bytes)
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
