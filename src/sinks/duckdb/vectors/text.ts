import type { VectorHandle, TypeHandle } from '../client.ts'
import { Cells, isPresent, type ColumnWriter, type WriterContext } from './cells.ts'

/**
 * Text and bytes in `string_t` views (duckdb.h: duckdb_string_t): 16 bytes, the length and then up to 12 bytes inline,
 * or 4 bytes of prefix and a pointer. All long values of a vector lie in one block that DuckDB owns: the whole heap is
 * handed over as the first element, and where it came to lie is read back from that element.
 */
export function createBlockWriter(
  logical: TypeHandle,
  context: WriterContext,
  encode: (values: readonly unknown[], count: number, block: Block) => boolean,
): ColumnWriter {
  const { bindings } = context
  const cells = new Cells(bindings, 16)
  const block = new Block()

  /** Lays the views over `heap`, value i being heap[starts[i]..starts[i + 1]), and hands both over. */
  function hand(heap: Buffer, starts: Int32Array, count: number, target: VectorHandle): void {
    const first = starts[0] ?? 0
    const end = starts[count] ?? 0
    const base = end - first > 0 ? assignBlock(heap.subarray(first, end), target) : NO_BLOCK
    for (let i = 0; i < count; i++) setView(cells, i, { heap, start: starts[i] ?? 0, end: starts[i + 1] ?? 0, first, base })
    cells.end(count, target)
  }

  function assignBlock(bytes: Buffer, target: VectorHandle): Base {
    // Under 13 bytes it would be stored inline: nothing then points at it, every view being inline itself.
    if (bytes.length <= INLINE) return NO_BLOCK
    bindings.vector_assign_string_element_len(target, 0, bytes)
    const view = bindings.vector_get_data(target, 16)
    const words = new DataView(view.buffer, view.byteOffset, 16)
    return { low: words.getUint32(8, true), high: words.getUint32(12, true) }
  }

  return {
    logical,
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) if (values[i] === null) cells.setNull(i)
      if (encode(values, count, block)) return hand(block.heap, block.starts, count, target)
      // Too large for one block: each by itself.
      cells.u8.fill(0, 0, count * 16)
      cells.end(count, target)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value !== null)
          bindings.vector_assign_string_element_len(target, i, typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array))
      }
    },
    copy(from, start, count, target) {
      if (from.form !== 'varlen') return false
      cells.begin(count)
      for (let i = 0; i < count; i++) if (!isPresent(from.valid, start + i)) cells.setNull(i)
      const heap = Buffer.from(from.data.buffer, from.data.byteOffset, from.data.byteLength)
      hand(heap, from.offsets.subarray(start, start + count + 1), count, target)
      return true
    },
  }
}

/** Where a block lies in DuckDB's memory, as two words. */
type Base = { low: number; high: number }

const NO_BLOCK: Base = { low: 0, high: 0 }
const INLINE = 12

/** Past this many bytes in one vector, values are handed over one by one. */
const LARGEST_BLOCK = 16 * 1024 * 1024

function setView(cells: Cells, index: number, at: { heap: Buffer; start: number; end: number; first: number; base: Base }): void {
  const { u32, u8 } = cells
  const { heap, start, end } = at
  const length = end - start
  const word = index * 4
  const byte = index * 16 + 4
  u32[word] = length
  if (length <= INLINE) {
    u32[word + 1] = u32[word + 2] = u32[word + 3] = 0
    for (let k = 0; k < length; k++) u8[byte + k] = heap[start + k] ?? 0
    return
  }
  u8[byte] = heap[start] ?? 0
  u8[byte + 1] = heap[start + 1] ?? 0
  u8[byte + 2] = heap[start + 2] ?? 0
  u8[byte + 3] = heap[start + 3] ?? 0
  const low = at.base.low + start - at.first
  u32[word + 2] = low
  u32[word + 3] = at.base.high + (low > 0xffffffff ? 1 : 0)
}

/** The bytes of a vector's values and where each begins. */
export class Block {
  heap: Buffer = Buffer.allocUnsafeSlow(64 * 1024)
  starts: Int32Array = new Int32Array(4096)

  begin(count: number): void {
    if (this.starts.length <= count) this.starts = new Int32Array(count * 2)
  }

  reserve(bytes: number): Buffer {
    if (bytes > this.heap.length) this.heap = Buffer.allocUnsafeSlow(bytes * 2)
    return this.heap
  }
}

export function createTextWriter(sql: string, context: WriterContext, textOf: (value: unknown) => string = String): ColumnWriter {
  const logical = context.bindings.create_logical_type(17)
  // JSON is VARCHAR by another name; without the name DuckDB would cast, and parse, each value.
  if (sql === 'JSON') context.bindings.logical_type_set_alias(logical, 'JSON')
  return createBlockWriter(logical, context, (values, count, block) =>
    encodeTexts(textOf === String ? values : values.map((value) => (value === null ? null : textOf(value))), count, block),
  )
}

/** One conversion for all: joined, then written as UTF-8 once. Where all is ASCII, lengths are counted in characters. */
function encodeTexts(values: readonly unknown[], count: number, block: Block): boolean {
  let all = ''
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (value !== null) all += value as string
    if (all.length > LARGEST_BLOCK) return false
  }
  block.begin(count)
  const heap = block.reserve(all.length * 3 + 16)
  const bytes = heap.utf8Write(all, 0, heap.length)
  const ascii = bytes === all.length
  let at = 0
  for (let i = 0; i < count; i++) {
    block.starts[i] = at
    const value = values[i] as string | null
    if (value !== null) at += ascii ? value.length : Buffer.byteLength(value)
  }
  block.starts[count] = at
  return true
}

export function createBytesWriter(context: WriterContext): ColumnWriter {
  return createBlockWriter(context.bindings.create_logical_type(18), context, encodeBytes)
}

function encodeBytes(values: readonly unknown[], count: number, block: Block): boolean {
  let total = 0
  for (let i = 0; i < count; i++) total += (values[i] as Uint8Array | null)?.length ?? 0
  if (total > LARGEST_BLOCK) return false
  block.begin(count)
  const heap = block.reserve(total + 16)
  let at = 0
  for (let i = 0; i < count; i++) {
    block.starts[i] = at
    const value = values[i] as Uint8Array | null
    if (value !== null) {
      heap.set(value, at)
      at += value.length
    }
  }
  block.starts[count] = at
  return true
}
