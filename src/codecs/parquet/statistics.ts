import { createByteBounds } from './byte-bounds.ts'
import type { Bounds } from './footer.ts'
import type { PageValues } from './page-values.ts'
import type { Leaf } from './schema.ts'

/** The least and the greatest value of a column chunk, by the order that its type has (parquet.thrift, "ColumnOrder"). */
export type Statistics = {
  /** Values from `start` on, in the order in which they lie. */
  add(values: PageValues, start?: number): void
  /** Null where there was no value, or the order leaves them out. */
  take(): Bounds | null
}

export function createStatistics(leaf: Leaf): Statistics {
  switch (leaf.kind) {
    case 'boolean':
      return createNumberBounds((values) => values.bytes.u8, 1)
    case 'uint32':
      return createNumberBounds(({ bytes }) => new Uint32Array(bytes.i32.buffer), 4)
    case 'float32':
      return createFloatBounds(({ bytes }) => new Float32Array(bytes.i32.buffer), 4)
    case 'float64':
      return createFloatBounds(({ bytes }) => new Float64Array(bytes.i32.buffer), 8)
    case 'uuid':
      return createByteBounds({ text: false, signed: false })
    case 'string':
      return createByteBounds({ text: true, signed: false })
    case 'bytes':
      return createByteBounds({ text: false, signed: false })
    // The order of bytes says nothing about JSON: bounds would only cost.
    case 'json':
      return { add: () => {}, take: () => null }
    default:
      if (leaf.width === 16) return createByteBounds({ text: false, signed: true })
      return leaf.width === 8 ? createLongBounds() : createNumberBounds(({ bytes }) => bytes.i32, 4)
  }
}

type Numbers = Uint8Array | Int32Array | Uint32Array

function createNumberBounds(view: (values: PageValues) => Numbers, width: 1 | 4): Statistics {
  let min = Infinity
  let max = -Infinity
  return {
    add(values, start = 0) {
      const numbers = view(values)
      for (let i = start; i < values.count; i++) {
        const value = numbers[i] as number
        if (value < min) min = value
        if (value > max) max = value
      }
    },
    take() {
      const bounds = min <= max ? exact(littleEndian(min, width), littleEndian(max, width)) : null
      min = Infinity
      max = -Infinity
      return bounds
    },
  }
}

function littleEndian(value: number, width: 1 | 4): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value | 0)
  return bytes.subarray(0, width)
}

/** NaN has no place in the order: a chunk that holds one has no bounds. Zero's sign has none either: it is widened to both. */
function createFloatBounds(view: (values: PageValues) => Float32Array | Float64Array, width: 4 | 8): Statistics {
  let min = Infinity
  let max = -Infinity
  let hasNaN = false
  return {
    add(values, start = 0) {
      const numbers = view(values)
      for (let i = start; i < values.count; i++) {
        const value = numbers[i] as number
        if (value < min) min = value
        if (value > max) max = value
        if (value !== value) hasNaN = true
      }
    },
    take() {
      const bounds = min <= max && !hasNaN ? exact(floatBytes(min === 0 ? -0 : min, width), floatBytes(max === 0 ? 0 : max, width)) : null
      min = Infinity
      max = -Infinity
      hasNaN = false
      return bounds
    },
  }
}

function floatBytes(value: number, width: 4 | 8): Buffer {
  const bytes = Buffer.alloc(width)
  if (width === 4) bytes.writeFloatLE(value)
  else bytes.writeDoubleLE(value)
  return bytes
}

/** 64 bits by their halves: no bigint for each value. */
function createLongBounds(): Statistics {
  let isEmpty = true
  let minHigh = 0
  let minLow = 0
  let maxHigh = 0
  let maxLow = 0
  return {
    add({ bytes, count }, start = 0) {
      if (start >= count) return
      const { i32 } = bytes
      if (isEmpty) {
        minHigh = maxHigh = i32[2 * start + 1] as number
        minLow = maxLow = (i32[2 * start] as number) >>> 0
        isEmpty = false
      }
      for (let i = start; i < count; i++) {
        const high = i32[2 * i + 1] as number
        const low = (i32[2 * i] as number) >>> 0
        if (high < minHigh || (high === minHigh && low < minLow)) {
          minHigh = high
          minLow = low
        }
        if (high > maxHigh || (high === maxHigh && low > maxLow)) {
          maxHigh = high
          maxLow = low
        }
      }
    },
    take() {
      const bounds = isEmpty ? null : exact(longBytes(minHigh, minLow), longBytes(maxHigh, maxLow))
      isEmpty = true
      return bounds
    },
  }
}

function longBytes(high: number, low: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(low)
  bytes.writeInt32LE(high, 4)
  return bytes
}

function exact(min: Uint8Array, max: Uint8Array): Bounds {
  return { min, max, minIsExact: true, maxIsExact: true }
}
