import type { Bindings, TypeHandle, VectorHandle } from '../client.ts'
import type { Vector } from '../../../contracts/batch.ts'

/** Writes one column of a data chunk. */
export type ColumnWriter = {
  logical: TypeHandle
  /** values[0] to values[count - 1] become the vector's content; null is NULL. */
  write(values: readonly unknown[], count: number, target: VectorHandle): void
  /** The same from a columnar source, near to a copy; false where its form is not this column's: write its values then. */
  copy(from: Vector, start: number, count: number, target: VectorHandle): boolean
}

/** What a writer is made with. `misfit` decides by policy what becomes of a value that the column cannot hold. */
export type WriterContext = { bindings: Bindings; misfit: Misfit }

/** Returns how to go on, or throws. `canClamp`: there is a nearest value. */
export type Misfit = (why: { canClamp: boolean; shape: boolean }) => 'null' | 'clamp'

/** DuckDB's vectors: chunks hold as many rows. */
export const CHUNK_ROWS = 2048

/** A vector's memory on this side: one copy per vector and chunk carries it over. Grows for the children of lists. */
export class Cells {
  readonly width: number
  readonly #bindings: Bindings
  #capacity = 0
  #buffer = new ArrayBuffer(0)
  #valid = new Uint8Array(0)
  #nulls = 0
  u8 = new Uint8Array(0)
  i16 = new Int16Array(0)
  i32 = new Int32Array(0)
  u32 = new Uint32Array(0)
  i64 = new BigInt64Array(0)
  f32 = new Float32Array(0)
  f64 = new Float64Array(0)

  constructor(bindings: Bindings, width: number) {
    this.#bindings = bindings
    this.width = width
    this.begin(CHUNK_ROWS)
  }

  /** Forgets what was written and makes room. */
  begin(count: number): void {
    this.#nulls = 0
    if (count <= this.#capacity) return
    this.#capacity = Math.ceil((count * 1.5) / CHUNK_ROWS) * CHUNK_ROWS
    const buffer = new ArrayBuffer(this.#capacity * Math.max(8, this.width))
    this.#buffer = buffer
    this.#valid = new Uint8Array(this.#capacity / 8)
    this.u8 = new Uint8Array(buffer)
    this.i16 = new Int16Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.i64 = new BigInt64Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.f64 = new Float64Array(buffer)
  }

  setNull(index: number): void {
    if (this.#nulls++ === 0) this.#valid.fill(255)
    const byte = index >> 3
    this.#valid[byte] = (this.#valid[byte] ?? 0) & ~(1 << (index & 7))
  }

  /** An integer of up to 53 bits as 64. */
  set64(index: number, value: number): void {
    const high = Math.floor(value / 4294967296)
    this.u32[2 * index] = value - high * 4294967296
    this.i32[2 * index + 1] = high
  }

  end(count: number, target: VectorHandle): void {
    if (count === 0) return
    this.#bindings.copy_data_to_vector(target, 0, this.#buffer, 0, count * this.width)
    if (this.#nulls > 0) this.#copyValidity(this.#valid, count, target)
  }

  /** Straight from a columnar source's memory. */
  copy(from: ArrayBufferView, start: number, count: number, target: VectorHandle): void {
    const at = from.byteOffset + start * this.width
    this.#bindings.copy_data_to_vector(target, 0, from.buffer as ArrayBuffer, at, count * this.width)
  }

  /** A source's bitmap from bit `start`, which is a multiple of 8 for every chunk of CHUNK_ROWS rows. */
  copyValidity(valid: Uint8Array | null, start: number, count: number, target: VectorHandle): void {
    if (valid === null || count === 0) return
    this.#valid.fill(255)
    this.#valid.set(valid.subarray(start >> 3, (start + count + 7) >> 3))
    this.#copyValidity(this.#valid, count, target)
  }

  #copyValidity(valid: Uint8Array, count: number, target: VectorHandle): void {
    this.#bindings.vector_ensure_validity_writable(target)
    this.#bindings.copy_data_to_vector_validity(target, 0, valid.buffer as ArrayBuffer, 0, ((count + 63) >> 6) * 8)
  }
}

export function isPresent(valid: Uint8Array | null, index: number): boolean {
  return valid === null || (((valid[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}
