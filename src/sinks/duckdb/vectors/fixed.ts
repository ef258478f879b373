import type { Vector } from '../../../contracts/batch.ts'
import type { VectorHandle } from '../client.ts'
import { Cells, isPresent, type ColumnWriter, type WriterContext } from './cells.ts'

type FixedForm = 'boolean' | 'int16' | 'int32' | 'uint32' | 'int64' | 'float32' | 'float64'

const WIDTHS: Record<FixedForm, number> = { boolean: 1, int16: 2, int32: 4, uint32: 4, int64: 8, float32: 4, float64: 8 }

/** Booleans and numbers: both sides hold them alike, so a columnar source is one copy. */
export function createFixedWriter(form: FixedForm, { bindings }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, WIDTHS[form])
  const set = SETTERS[form]
  return {
    logical: bindings.create_logical_type(TYPE_IDS[form]),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) cells.setNull(i)
        else set(cells, i, value)
      }
      cells.end(count, target)
    },
    copy: (from, start, count, target) => copyFixed(cells, { from, start, count, target }),
  }
}

/** duckdb.h: duckdb_type. */
const TYPE_IDS: Record<FixedForm, number> = { boolean: 1, int16: 3, int32: 4, uint32: 8, int64: 5, float32: 10, float64: 11 }

// The casts: a canonical value of the column's own kind (values.md).
const SETTERS: Record<FixedForm, (cells: Cells, index: number, value: unknown) => void> = {
  boolean: (cells, i, value) => (cells.u8[i] = value ? 1 : 0),
  int16: (cells, i, value) => (cells.i16[i] = value as number),
  int32: (cells, i, value) => (cells.i32[i] = value as number),
  uint32: (cells, i, value) => (cells.u32[i] = value as number),
  int64: (cells, i, value) => (typeof value === 'bigint' ? (cells.i64[i] = value) : cells.set64(i, value as number)),
  float32: (cells, i, value) => (cells.f32[i] = value as number),
  float64: (cells, i, value) => (cells.f64[i] = value as number),
}

export type CopyRange = { from: Vector; start: number; count: number; target: VectorHandle }

export function copyFixed(cells: Cells, { from, start, count, target }: CopyRange): boolean {
  if (from.form !== 'fixed' || from.values.BYTES_PER_ELEMENT !== cells.width) return false
  cells.copy(from.values, start, count, target)
  cells.copyValidity(from.valid, start, count, target)
  return true
}

/** UUIDs: 128 bits, low half first, the top bit flipped so that they sort as signed. */
export function createUuidWriter({ bindings }: WriterContext): ColumnWriter {
  const cells = new Cells(bindings, 16)
  return {
    logical: bindings.create_logical_type(27),
    write(values, count, target) {
      cells.begin(count)
      for (let i = 0; i < count; i++) {
        const value = values[i]
        if (value === null) cells.setNull(i)
        else setUuidText(cells.u8, i * 16, value as string)
      }
      cells.end(count, target)
    },
    copy(from, start, count, target) {
      if (from.form !== 'uuid') return false
      cells.begin(count)
      for (let i = 0; i < count; i++)
        if (isPresent(from.valid, start + i)) setUuidBytes(cells.u8, i * 16, from.data.subarray((start + i) * 16))
      cells.end(count, target)
      cells.copyValidity(from.valid, start, count, target)
      return true
    },
  }
}

function setUuidBytes(out: Uint8Array, at: number, bytes: Uint8Array): void {
  for (let k = 0; k < 16; k++) out[at + 15 - k] = bytes[k] ?? 0
  out[at + 15] = (out[at + 15] ?? 0) ^ 0x80
}

function setUuidText(out: Uint8Array, at: number, text: string): void {
  let byte = 15
  for (let i = 0; i < text.length && byte >= 0;) {
    if (text.charCodeAt(i) === 45) i++
    else {
      out[at + byte--] = (hexDigit(text.charCodeAt(i)) << 4) | hexDigit(text.charCodeAt(i + 1))
      i += 2
    }
  }
  out[at + 15] = (out[at + 15] ?? 0) ^ 0x80
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87
}
