import type { Vector } from '../../src/contracts/batch.ts'
import type { LogicalType, Value } from '../../src/contracts/table.ts'
import { formatDay, formatTime, formatTimestampUs } from '../../src/values/calendar.ts'
import { shortestFloat32 } from '../../src/codecs/pg-types/floats.ts'

/** A vector's value in canonical form, for tests. */
export function readVector(vector: Vector, type: LogicalType, row: number): Value {
  if (vector.form === 'values') return vector.values[row] as Value
  const { valid } = vector
  if (valid && ((valid[row >> 3] as number) & (1 << (row & 7))) === 0) return null
  if (vector.form === 'uuid') return formatUuid(Buffer.from(vector.data.slice(row * 16, row * 16 + 16)).toString('hex'))
  if (vector.form === 'fixed') return readFixed(type, vector.values[row] as number | bigint)
  const bytes = vector.data.slice(vector.offsets[row], vector.offsets[row + 1])
  return type.kind === 'bytes' ? new Uint8Array(bytes) : Buffer.from(bytes).toString('utf8')
}

function readFixed(type: LogicalType, value: number | bigint): Value {
  switch (type.kind) {
    case 'boolean':
      return value === 1
    case 'float32':
      return shortestFloat32(Number(value))
    case 'date':
      return value === 0x7fffffff ? 'infinity' : value === -0x80000000 ? '-infinity' : formatDay(Number(value))
    case 'time':
      return formatTime(Number(value))
    case 'timestamp':
    case 'timestamptz':
      if (value === 2n ** 63n - 1n) return 'infinity'
      if (value === -(2n ** 63n)) return '-infinity'
      return formatTimestampUs(value as bigint) + (type.kind === 'timestamptz' ? 'Z' : '')
    default:
      return value
  }
}

function formatUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
