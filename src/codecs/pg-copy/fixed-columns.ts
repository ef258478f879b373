import type { FixedArray, Vector } from '../../contracts/batch.ts'
import { DAYS_FROM_1970_TO_2000, expectDay } from '../pg-types/dates.ts'
import { malformed } from '../pg-types/malformed.ts'
import { createValidity, finishValidity, markNull, type Block, type ColumnWriter, type Validity } from './column-writer.ts'

/** Columns of fixed width: contracts/batch.ts says the layouts, the modules of pg-types the wire forms. */

type State<Values extends FixedArray> = { values: Values; validity: Validity }

const INT32_MAX = 0x7fffffff
const INT32_MIN = -0x80000000
const US_PER_DAY = 86_400_000_000
/** Microseconds from 1970 to 2000, in two words. */
const EPOCH = 946_684_800_000_000
const EPOCH_HIGH = Math.floor(EPOCH / 2 ** 32)
/** The high word of 4714-11-24 BC. */
const FIRST_HIGH = Math.floor((-2_451_545 * US_PER_DAY) / 2 ** 32)
const EPOCH_LOW = EPOCH % 2 ** 32

export const booleanColumn: ColumnWriter<State<Uint8Array>> = {
  create: (rowCount) => ({ values: new Uint8Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 1)
      if (at < 0) markNull(validity, block.first + row)
      else if ((block.buf[at] as number) > 1) throw malformed(at, 'it is no boolean')
      else values[block.first + row] = block.buf[at] as number
    }
  },
  finish,
}

export const int16Column: ColumnWriter<State<Int16Array>> = {
  create: (rowCount) => ({ values: new Int16Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 2)
      if (at < 0) markNull(validity, block.first + row)
      else values[block.first + row] = block.view.getInt16(at)
    }
  },
  finish,
}

export const int32Column: ColumnWriter<State<Int32Array>> = {
  create: (rowCount) => ({ values: new Int32Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 4)
      if (at < 0) markNull(validity, block.first + row)
      else values[block.first + row] = block.view.getInt32(at)
    }
  },
  finish,
}

export const uint32Column: ColumnWriter<State<Uint32Array>> = {
  create: (rowCount) => ({ values: new Uint32Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 4)
      if (at < 0) markNull(validity, block.first + row)
      else values[block.first + row] = block.view.getUint32(at)
    }
  },
  finish,
}

export const float32Column: ColumnWriter<State<Float32Array>> = {
  create: (rowCount) => ({ values: new Float32Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 4)
      if (at < 0) markNull(validity, block.first + row)
      else values[block.first + row] = block.view.getFloat32(at)
    }
  },
  finish,
}

export const float64Column: ColumnWriter<State<Float64Array>> = {
  create: (rowCount) => ({ values: new Float64Array(rowCount), validity: createValidity(rowCount) }),
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 8)
      if (at < 0) markNull(validity, block.first + row)
      else values[block.first + row] = block.view.getFloat64(at)
    }
  },
  finish,
}

/** The infinities are the extremes already; no finite date comes near them. */
export const dateColumn: ColumnWriter<State<Int32Array>> = {
  create: int32Column.create,
  append({ values, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 4)
      if (at < 0) {
        markNull(validity, block.first + row)
        continue
      }
      const days = block.view.getInt32(at)
      const isInfinite = days === INT32_MAX || days === INT32_MIN
      if (!isInfinite) expectDay(days, at)
      values[block.first + row] = isInfinite ? days : days + DAYS_FROM_1970_TO_2000
    }
  },
  finish,
}

/** int64 in two words, little-endian as every machine that Node runs on: BigInts would cost an allocation a value. */
type Wide = { words: Int32Array; validity: Validity; overflow: boolean }

const wide = {
  create: (rowCount: number): Wide => ({ words: new Int32Array(rowCount * 2), validity: createValidity(rowCount), overflow: false }),
  finish: ({ words, validity, overflow }: Wide): Vector | null =>
    overflow ? null : { form: 'fixed', values: new BigInt64Array(words.buffer), valid: finishValidity(validity) },
}

export const int64Column: ColumnWriter<Wide> = {
  ...wide,
  append({ words, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 8)
      if (at < 0) {
        markNull(validity, block.first + row)
        continue
      }
      const slot = (block.first + row) * 2
      words[slot] = block.view.getInt32(at + 4)
      words[slot + 1] = block.view.getInt32(at)
    }
  },
}

export const timeColumn: ColumnWriter<Wide> = {
  ...wide,
  append({ words, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 8)
      if (at < 0) {
        markNull(validity, block.first + row)
        continue
      }
      const high = block.view.getInt32(at)
      const low = block.view.getUint32(at + 4)
      if (high < 0 || high * 2 ** 32 + low > US_PER_DAY) throw malformed(at, 'a time lies outside its day')
      const slot = (block.first + row) * 2
      words[slot] = low
      words[slot + 1] = high
    }
  },
}

/**
 * From 2000 to 1970. The infinities stay the extremes. A finite timestamp that would pass, or be, the greatest int64
 * does not fit: the last thirty years before 294277 AD. Nor does one below the type's range: no server sends it, and
 * the decoder of canonical values will say so.
 */
export const timestampColumn: ColumnWriter<Wide> = {
  ...wide,
  append(state, block, column) {
    const { words, validity } = state
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 8)
      if (at < 0) {
        markNull(validity, block.first + row)
        continue
      }
      let high = block.view.getInt32(at)
      let low = block.view.getUint32(at + 4)
      const infinite = (high === INT32_MAX && low === 0xffffffff) || (high === INT32_MIN && low === 0)
      if (!infinite) {
        if (high < FIRST_HIGH) state.overflow = true
        low += EPOCH_LOW
        high += EPOCH_HIGH + (low >= 2 ** 32 ? 1 : 0)
        if (high > INT32_MAX || (high === INT32_MAX && low % 2 ** 32 === 0xffffffff)) state.overflow = true
      }
      const slot = (block.first + row) * 2
      words[slot] = low
      words[slot + 1] = high
    }
  },
}

export const uuidColumn: ColumnWriter<{ data: Uint8Array; view: DataView; validity: Validity }> = {
  create(rowCount) {
    const data = new Uint8Array(rowCount * 16)
    return { data, view: new DataView(data.buffer), validity: createValidity(rowCount) }
  },
  append({ view, validity }, block, column) {
    for (let row = 0; row < block.count; row++) {
      const at = field(block, row, column, 16)
      if (at < 0) {
        markNull(validity, block.first + row)
        continue
      }
      const to = (block.first + row) * 16
      for (let word = 0; word < 16; word += 4) view.setInt32(to + word, block.view.getInt32(at + word))
    }
  },
  finish: ({ data, validity }) => ({ form: 'uuid', data, valid: finishValidity(validity) }),
}

/** Where the value of a field begins; −1 for NULL. */
function field(block: Block, row: number, column: number, size: number): number {
  const at = block.positions[row * block.stride + column] as number
  const length = block.view.getInt32(at)
  if (length === size) return at + 4
  if (length === -1) return -1
  throw malformed(at, `it has ${length} bytes instead of ${size}`)
}

function finish({ values, validity }: State<FixedArray>): Vector {
  return { form: 'fixed', values, valid: finishValidity(validity) }
}
