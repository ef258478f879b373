import { isUtf8 } from 'node:buffer'
import type { Vector } from '../../contracts/batch.ts'
import type { Value } from '../../contracts/table.ts'
import '../../lib/buffer-slices.ts'
import { malformed } from '../pg-types/malformed.ts'
import { numericTextBound, writeNumericText } from '../pg-types/numeric.ts'
import type { ValueDecoder } from '../pg-types/value-decoder.ts'
import { createValidity, finishValidity, markNull, type Block, type ColumnWriter, type Validity } from './column-writer.ts'
import { viewOf } from './scan-rows.ts'

/** Columns of varying width: value i is data[offsets[i]..offsets[i + 1]). */

type State = { offsets: Int32Array; data: Buffer; view: DataView; length: number; rowCount: number; validity: Validity }

/** Past this, one call of the runtime copies faster than a loop over words. */
const LONG = 96

/** Bytes as they are: bytea. */
export const rawColumn: ColumnWriter<State> = { create, append: (state, block, column) => appendRaw(state, block, column, 0), finish }

/** Text whose bytes are its canonical form. */
export const textColumn: ColumnWriter<State> = { ...rawColumn, finish: finishText }

/** jsonb: text after a version byte. */
export const jsonbColumn: ColumnWriter<State> = {
  create,
  append: (state, block, column) => appendRaw(state, block, column, 1),
  finish: finishText,
}

export const numericColumn: ColumnWriter<State> = {
  create,
  append(state, block, column) {
    const { offsets, validity } = state
    for (let row = 0; row < block.count; row++) {
      const at = block.positions[row * block.stride + column] as number
      const length = block.view.getInt32(at)
      if (length < 0) markNull(validity, block.first + row)
      else {
        ensure(state, numericTextBound(block.buf, at + 4, at + 4 + length), block.first + row)
        state.length = writeNumericText(block.buf, at + 4, state.data, state.length)
      }
      offsets[block.first + row + 1] = state.length
    }
  },
  finish,
}

/** Any type whose canonical value is text, by its decoder. */
export function createDecodedColumn(decode: ValueDecoder): ColumnWriter<State> {
  return { create, append: (state, block, column) => appendDecoded(state, block, column, decode), finish }
}

/** Canonical values, for what has no columnar form. */
export function createValuesColumn(decode: ValueDecoder): ColumnWriter<Value[]> {
  return {
    create: () => [],
    append: (values, block, column) => appendValues(values, block, column, decode),
    finish: (values) => ({ form: 'values', values }),
  }
}

function create(rowCount: number): State {
  const data = Buffer.allocUnsafeSlow(16)
  return { offsets: new Int32Array(rowCount + 1), data, view: viewOf(data), length: 0, rowCount, validity: createValidity(rowCount) }
}

/** `skip`: bytes in front of each value, a version that must be 1. */
function appendRaw(state: State, block: Block, column: number, skip: 0 | 1): void {
  const { offsets, validity } = state
  ensure(state, sumLengths(block, column) + 4, block.first + block.count)
  const { data, view } = state
  const last = block.buf.length - 4
  let to = state.length
  for (let row = 0; row < block.count; row++) {
    const at = block.positions[row * block.stride + column] as number
    const length = block.view.getInt32(at)
    if (length < 0) markNull(validity, block.first + row)
    else {
      if (skip === 1 && (length === 0 || block.buf[at + 4] !== 1)) throw malformed(at + 4, 'the version of jsonb is unknown')
      const from = at + 4 + skip
      const stop = at + 4 + length
      if (stop - from > LONG) block.buf.copy(data, to, from, stop)
      else if (stop > last) for (let i = 0; i < stop - from; i++) data[to + i] = block.buf[from + i] as number
      // Whole words: the last may carry bytes past the value, which the next value overwrites or nobody reads.
      else for (let i = 0; i < stop - from; i += 4) view.setInt32(to + i, block.view.getInt32(from + i))
      to += stop - from
    }
    offsets[block.first + row + 1] = to
  }
  state.length = to
}

function appendDecoded(state: State, block: Block, column: number, decode: ValueDecoder): void {
  for (let row = 0; row < block.count; row++) {
    const at = block.positions[row * block.stride + column] as number
    const length = block.view.getInt32(at)
    if (length < 0) markNull(state.validity, block.first + row)
    else {
      // The kinds that come here have text for a canonical value.
      const text = decode(block.buf, at + 4, at + 4 + length) as string
      ensure(state, text.length * 3, block.first + row)
      state.length += state.data.utf8Write(text, state.length, text.length * 3)
    }
    state.offsets[block.first + row + 1] = state.length
  }
}

function appendValues(values: Value[], block: Block, column: number, decode: ValueDecoder): void {
  for (let row = 0; row < block.count; row++) {
    const at = block.positions[row * block.stride + column] as number
    const length = block.view.getInt32(at)
    values.push(length < 0 ? null : decode(block.buf, at + 4, at + 4 + length))
  }
}

function sumLengths(block: Block, column: number): number {
  let sum = 0
  for (let row = 0; row < block.count; row++) {
    const length = block.view.getInt32(block.positions[row * block.stride + column] as number)
    if (length > 0) sum += length
  }
  return sum
}

/** Room for `more` bytes; grows towards what the rows so far (`rows` of them) let expect of all. */
function ensure(state: State, more: number, rows: number): void {
  const needed = state.length + more
  if (needed <= state.data.length) return
  const expected = Math.ceil((needed / Math.max(rows, 1)) * state.rowCount * 1.05)
  const wider = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(expected, needed * 64), Math.ceil(state.data.length * 1.5)) + 64)
  state.data.copy(wider, 0, 0, state.length)
  state.data = wider
  state.view = viewOf(wider)
}

function finish({ offsets, data, length, validity }: State): Vector {
  return { form: 'varlen', offsets, data: data.subarray(0, length), valid: finishValidity(validity) }
}

function finishText(state: State): Vector {
  if (!isUtf8(state.data.subarray(0, state.length))) throw malformed(0, 'it is not UTF-8')
  return finish(state)
}
