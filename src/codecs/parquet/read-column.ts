import type { SchemaElement } from 'hyparquet'
import type { Value } from '../../contracts/table.ts'
import '../../lib/buffer-slices.ts'
import { formatDay, formatTime, formatTimestampUs } from '../../values/calendar.ts'
import { shortestFloat32 } from '../pg-types/floats.ts'

/** A stored value → its canonical form. */
export type ColumnReader = { isList: boolean; read(stored: unknown): Value }

/** `leaf`: of a list its items', else the column itself. Throws where it is none of what Millrace writes. */
export function createColumnReader(column: SchemaElement, leaf: SchemaElement): ColumnReader {
  const read = leafReader(leaf)
  if (leaf === column) return { isList: false, read: (stored) => (stored === null || stored === undefined ? null : read(stored)) }
  return { isList: true, read: (stored) => (stored === null || stored === undefined ? null : itemsOf(stored, read)) }
}

// The casts of this file: what the reader makes of a physical type.
function itemsOf(stored: unknown, read: (stored: unknown) => Value): Value {
  return (stored as unknown[]).map((item) => (item === null || item === undefined ? null : read(item)))
}

function leafReader(leaf: SchemaElement): (stored: unknown) => Value {
  const logical = leaf.logical_type
  const converted = leaf.converted_type
  if (leaf.type === undefined || leaf.type === 'INT96')
    throw new Error(`parquet column ${leaf.name} has a type that Millrace does not write`)
  if (logical?.type === 'DECIMAL' || converted === 'DECIMAL') return decimalReader(leaf)
  if (logical?.type === 'DATE' || converted === 'DATE') return (stored) => dateText(stored as number)
  if (logical?.type === 'TIME') return (stored) => formatTime(Number(stored))
  if (logical?.type === 'TIMESTAMP') return timestampReader(logical)
  if (converted === 'UINT_32') return (stored) => (stored as number) >>> 0
  if (logical?.type === 'UUID') return (stored) => uuidText(stored as Uint8Array)
  if (leaf.type === 'FLOAT') return (stored) => shortestFloat32(stored as number)
  if (leaf.type !== 'BYTE_ARRAY') return (stored) => stored as Value
  return logical || converted ? (stored) => bufferOf(stored).utf8Slice(0, (stored as Uint8Array).length) : (stored) => stored as Uint8Array
}

/** What other writers mean by the integers' extremes (DuckDB's COPY): ours never holds them. */
function dateText(days: number): string {
  if (days === 0x7fffffff) return 'infinity'
  return days <= -0x7fffffff ? '-infinity' : formatDay(days)
}

function timestampReader({ isAdjustedToUTC, unit }: { isAdjustedToUTC: boolean; unit: string }): (stored: unknown) => Value {
  const zone = isAdjustedToUTC ? 'Z' : ''
  if (unit === 'MILLIS') return (stored) => formatTimestampUs((stored as bigint) * 1000n) + zone
  if (unit === 'NANOS') throw new Error('parquet timestamps in nanoseconds are not what Millrace writes')
  return (stored) => formatTimestampUs(stored as bigint) + zone
}

function decimalReader({ type, scale = 0 }: SchemaElement): (stored: unknown) => Value {
  if (type === 'INT32' || type === 'INT64') return (stored) => decimalText(BigInt(stored as number | bigint), scale)
  return (stored) => decimalText(bigEndian(stored as Uint8Array), scale)
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bufferOf(bytes).hexSlice(0, bytes.length) || '0'}`))
}

function decimalText(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return value < 0n ? `-${text}` : text
}

function uuidText(bytes: Uint8Array): string {
  const hex = bufferOf(bytes).hexSlice(0, bytes.length)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function bufferOf(stored: unknown): Buffer {
  const bytes = stored as Uint8Array
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
