/* oxlint-disable max-params -- once a row or value: an object of options would cost more than the work */
import type { ImageReader, RowImage } from '../../contracts/row-image.ts'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { createTextWriter, type TextWriter } from '../pg-types/text-writers.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'
import { createImageColumns } from './image-columns.ts'
import type { Cursor, TupleDecoder } from './tuple.ts'

/** One column of the wire as `TupleColumn` has it, and what its values are. */
export type ImageColumn = { decode: ValueDecoder; target: number; type: LogicalType } | null

/**
 * Finds the values of the tuple at `at` without decoding them, and moves `cursor.at` past it. Null where it goes past `end` (then
 * `cursor.need` is set); undefined where a value was not sent, or the tuple is none: the tuple's decoder has the word then.
 * The image keeps `buf`: its bytes must not change any more.
 */
export type TupleScanner = (buf: Buffer, at: number, end: number, cursor: Cursor) => RowImage | null | undefined

const NULL = 0x6e // n
const TEXT = 0x74 // t
/** Numbers in a block of spans: images come in hundreds, a block of their own each would cost more than they do. */
const SPANS = 8192

/** For one table version. `decode` is the decoder of the same columns. */
export function createTupleScanner(columns: readonly ImageColumn[], decode: TupleDecoder): TupleScanner {
  const targets = Int32Array.from(columns, (column) => column?.target ?? -1)
  const width = targets.reduce((most, target) => Math.max(most, target + 1), 0)
  const codec = createCodec(columns, width, decode)
  const count = columns.length
  let spans = new Int32Array(0)
  let used = 0

  return (buf, at, end, cursor) => {
    if (at + 2 > end) return lacking(cursor, at + 2)
    if ((((buf[at] as number) << 8) | (buf[at + 1] as number)) !== count) return undefined
    if (used + 2 * width > spans.length) {
      spans = new Int32Array(Math.max(SPANS, 2 * width))
      used = 0
    }
    const begin = at
    at += 2
    for (let column = 0; column < count; column++) {
      if (at >= end) return lacking(cursor, at + 1)
      const tag = buf[at]
      const slot = targets[column] as number // one for each column
      if (tag === TEXT) {
        const start = at + 5
        if (start > end) return lacking(cursor, start)
        at =
          start +
          (((buf[start - 4] as number) << 24) |
            ((buf[start - 3] as number) << 16) |
            ((buf[start - 2] as number) << 8) |
            (buf[start - 1] as number))
        if (at < start) return undefined
        if (at > end) return lacking(cursor, at)
        if (slot >= 0) {
          spans[used + 2 * slot] = start
          spans[used + 2 * slot + 1] = at
        }
      } else if (tag === NULL) {
        if (slot >= 0) spans[used + 2 * slot] = -1
        at++
      } else return undefined
    }
    cursor.at = at
    const image = new TupleImage(codec, buf, spans, used, begin, at)
    used += 2 * width
    return image
  }
}

function lacking(cursor: Cursor, need: number): null {
  cursor.need = need
  return null
}

/** What all images of one table version share. */
export type ImageCodec = {
  width: number
  types: readonly LogicalType[]
  decoders: readonly ValueDecoder[]
  writers: readonly (TextWriter | null)[]
  decode: TupleDecoder
  reader: ImageReader
}

function createCodec(columns: readonly ImageColumn[], width: number, decode: TupleDecoder): ImageCodec {
  const ordered: NonNullable<ImageColumn>[] = []
  for (const column of columns) if (column) ordered[column.target] = column
  const codec = {
    width,
    types: ordered.map(({ type }) => type),
    decoders: ordered.map((column) => column.decode),
    writers: ordered.map(({ type }) => createTextWriter(type)),
    decode,
  }
  return { ...codec, reader: { columns: createImageColumns(codec) } }
}

/** A tuple where it lies: `spans[first + 2i]` and the next are where value i begins and ends, the first −1 for null. */
export class TupleImage implements RowImage {
  readonly codec: ImageCodec
  readonly data: Buffer
  readonly spans: Int32Array
  readonly first: number
  readonly #begin: number
  readonly #end: number

  constructor(codec: ImageCodec, data: Buffer, spans: Int32Array, first: number, begin: number, end: number) {
    this.codec = codec
    this.data = data
    this.spans = spans
    this.first = first
    this.#begin = begin
    this.#end = end
  }

  get reader(): ImageReader {
    return this.codec.reader
  }

  get bytes(): number {
    return this.#end - this.#begin
  }

  isNull(column: number): boolean {
    return (this.spans[this.first + 2 * column] as number) < 0 // a column of the table
  }

  value(column: number): Value {
    const at = this.first + 2 * column
    const start = this.spans[at] as number // as above
    return start < 0 ? null : this.codec.decoders[column]!(this.data, start, this.spans[at + 1] as number)
  }

  row(): Row {
    return this.codec.decode(this.data, this.#begin, this.#end, { at: 0, need: 0 })! // it is all there: the scanner saw its end
  }

  write(column: number, out: Uint8Array, at: number): number {
    const span = this.first + 2 * column
    const start = this.spans[span] as number // as above
    const writer = this.codec.writers[column]
    return start < 0 || !writer ? -1 : writer(this.data, start, this.spans[span + 1] as number, out, at)
  }
}
