import type { Leaf, LeafKind, ParquetField, ParquetSchema, Physical } from './schema.ts'
import { binary, bool, encodeThrift, i16, i32, i64, i8, list, struct, type Thrift } from './thrift.ts'

/** The numbers of parquet.thrift. */
export const ENCODINGS = { PLAIN: 0, RLE: 3, RLE_DICTIONARY: 8 } as const
export const CODECS = { none: 0, gzip: 2, zstd: 6 } as const

export type Compression = keyof typeof CODECS

/** One column of one row group, written at `offset`. Sizes hold the page headers. */
export type ChunkFacts = {
  encodings: readonly number[]
  /** Rows, and of lists their items: NULLs included. */
  valueCount: number
  uncompressedBytes: number
  compressedBytes: number
  offset: number
  /** Bytes of the dictionary page at the chunk's begin; 0: it has none. */
  dictionaryBytes: number
  nullCount: number
  bounds: Bounds | null
}

/** The least and the greatest value, in PLAIN bytes without a length. Not exact: cut, but still bounds. */
export type Bounds = { min: Uint8Array; max: Uint8Array | null; minIsExact: boolean; maxIsExact: boolean }

export type RowGroupFacts = { rowCount: number; chunks: readonly ChunkFacts[] }

export type FileFacts = {
  schema: ParquetSchema
  compression: Compression
  rowGroups: readonly RowGroupFacts[]
  metadata: Readonly<Record<string, string>>
}

const MAGIC = 'PAR1'

/** Readers take statistics on trust only where they can parse this: "name version x.y.z". */
const CREATED_BY = 'millrace version 1.0.0'

/** FileMetaData, its length, and the mark at the end. */
export function encodeFooter({ schema, compression, rowGroups, metadata }: FileFacts): Buffer {
  const body = encodeThrift(
    struct(
      [1, i32(1)],
      [2, list(schemaElements(schema))],
      [3, i64(rowGroups.reduce((sum, group) => sum + group.rowCount, 0))],
      [4, list(rowGroups.map((group, ordinal) => rowGroup(group, { schema, compression, ordinal })))],
      [5, list(Object.entries(metadata).map(([key, value]) => struct([1, binary(key)], [2, binary(value)])))],
      [6, binary(CREATED_BY)],
      // One TypeOrder for each column: without it readers ignore min_value and max_value.
      [7, list(schema.fields.map(() => struct([1, struct()])))],
    ),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  return Buffer.concat([body, length, Buffer.from(MAGIC)])
}

/** What a file begins with. */
export function encodeHeader(): Buffer {
  return Buffer.from(MAGIC)
}

function schemaElements({ fields }: ParquetSchema): Thrift[] {
  const root = struct([4, binary('schema')], [5, i32(fields.length)])
  return [root, ...fields.flatMap(elementsOf)]
}

const REQUIRED = 0
const OPTIONAL = 1
const REPEATED = 2
const CONVERTED_LIST = 3

function elementsOf({ name, leaf, repetition }: ParquetField): Thrift[] {
  if (repetition !== 'list') return [leafElement(name, leaf, repetition === 'required' ? REQUIRED : OPTIONAL)]
  return [
    struct([3, i32(OPTIONAL)], [4, binary(name)], [5, i32(1)], [6, i32(CONVERTED_LIST)], [10, struct([3, struct()])]),
    struct([3, i32(REPEATED)], [4, binary('list')], [5, i32(1)]),
    leafElement('element', leaf, OPTIONAL),
  ]
}

const PHYSICAL: Record<Physical, number> = {
  BOOLEAN: 0,
  INT32: 1,
  INT64: 2,
  FLOAT: 4,
  DOUBLE: 5,
  BYTE_ARRAY: 6,
  FIXED_LEN_BYTE_ARRAY: 7,
}

function leafElement(name: string, leaf: Leaf, repetition: number): Thrift {
  const { converted, logical } = annotationOf(leaf)
  const isDecimal = leaf.kind === 'decimal'
  return struct(
    [1, i32(PHYSICAL[leaf.physical])],
    [2, leaf.physical === 'FIXED_LEN_BYTE_ARRAY' ? i32(leaf.width) : null],
    [3, i32(repetition)],
    [4, binary(name)],
    [6, converted === null ? null : i32(converted)],
    [7, isDecimal ? i32(leaf.scale) : null],
    [8, isDecimal ? i32(leaf.precision) : null],
    [10, logical],
  )
}

/** ConvertedType for readers of old, LogicalType for the others (LogicalTypes.md, "Compatibility"). */
function annotationOf({ kind, precision, scale }: Leaf): { converted: number | null; logical: Thrift | null } {
  if (kind === 'decimal') return { converted: 5, logical: struct([5, struct([1, i32(scale)], [2, i32(precision)])]) }
  return ANNOTATIONS[kind]
}

const MICROS = struct([2, struct()])
const NOTHING = { converted: null, logical: null }

const ANNOTATIONS: Record<Exclude<LeafKind, 'decimal'>, { converted: number | null; logical: Thrift | null }> = {
  boolean: NOTHING,
  float32: NOTHING,
  float64: NOTHING,
  bytes: NOTHING,
  string: { converted: 0, logical: struct([1, struct()]) },
  json: { converted: 19, logical: struct([12, struct()]) },
  uuid: { converted: null, logical: struct([14, struct()]) },
  int16: { converted: 16, logical: integer(16, true) },
  int32: { converted: 17, logical: integer(32, true) },
  int64: { converted: 18, logical: integer(64, true) },
  uint32: { converted: 13, logical: integer(32, false) },
  date: { converted: 6, logical: struct([6, struct()]) },
  time: { converted: 8, logical: struct([7, struct([1, bool(false)], [2, MICROS])]) },
  timestamp: { converted: 10, logical: struct([8, struct([1, bool(false)], [2, MICROS])]) },
  timestamptz: { converted: 10, logical: struct([8, struct([1, bool(true)], [2, MICROS])]) },
}

function integer(bits: number, isSigned: boolean): Thrift {
  return struct([10, struct([1, i8(bits)], [2, bool(isSigned)])])
}

type GroupContext = { schema: ParquetSchema; compression: Compression; ordinal: number }

function rowGroup({ rowCount, chunks }: RowGroupFacts, { schema, compression, ordinal }: GroupContext): Thrift {
  const sum = (size: (chunk: ChunkFacts) => number) => i64(chunks.reduce((total, chunk) => total + size(chunk), 0))
  return struct(
    // The cast: chunks align with the fields.
    [1, list(chunks.map((chunk, at) => columnChunk(chunk, schema.fields[at] as ParquetField, compression)))],
    [2, sum((chunk) => chunk.uncompressedBytes)],
    [3, i64(rowCount)],
    [5, i64(chunks[0]?.offset ?? 0)],
    [6, sum((chunk) => chunk.compressedBytes)],
    [7, ordinal < 0x8000 ? i16(ordinal) : null],
  )
}

function columnChunk(chunk: ChunkFacts, { name, leaf, repetition }: ParquetField, compression: Compression): Thrift {
  const path = repetition === 'list' ? [name, 'list', 'element'] : [name]
  const meta = struct(
    [1, i32(PHYSICAL[leaf.physical])],
    [2, list(chunk.encodings.map(i32))],
    [3, list(path.map(binary))],
    [4, i32(CODECS[compression])],
    [5, i64(chunk.valueCount)],
    [6, i64(chunk.uncompressedBytes)],
    [7, i64(chunk.compressedBytes)],
    [9, i64(chunk.offset + chunk.dictionaryBytes)],
    [11, chunk.dictionaryBytes > 0 ? i64(chunk.offset) : null],
    [12, statistics(chunk)],
  )
  return struct([2, i64(chunk.offset)], [3, meta])
}

function statistics({ nullCount, bounds }: ChunkFacts): Thrift {
  return struct(
    [3, i64(nullCount)],
    [5, bounds?.max ? binary(bounds.max) : null],
    [6, bounds ? binary(bounds.min) : null],
    [7, bounds?.max ? bool(bounds.maxIsExact) : null],
    [8, bounds ? bool(bounds.minIsExact) : null],
  )
}
