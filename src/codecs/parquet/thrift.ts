/**
 * Thrift's compact protocol, as far as Parquet's footer and page headers need it (thrift/doc/specs/thrift-compact-protocol.md):
 *
 *   struct = field* 00          field = (delta << 4 | type) value, or type, zigzag(id), value where the delta is past 15
 *   list   = (size << 4 | type) value*, or (f0 | type), varint(size) value*
 *   i32, i64 = varint(zigzag)   binary = varint(length) bytes        a boolean field is its type alone
 */
export type Thrift = { type: number; value: boolean | number | Uint8Array | readonly Thrift[] | readonly ThriftField[]; item?: number }

/** Its number in the struct, and its value; null leaves it out. */
export type ThriftField = readonly [id: number, value: Thrift | null]

const TRUE = 1
const FALSE = 2
const I8 = 3
const I16 = 4
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

export function bool(value: boolean): Thrift {
  return { type: value ? TRUE : FALSE, value }
}

export function i32(value: number): Thrift {
  return { type: I32, value }
}

/** As far as a number is exact: sizes, counts, offsets. */
export function i64(value: number): Thrift {
  return { type: I64, value }
}

export function i16(value: number): Thrift {
  return { type: I16, value }
}

export function i8(value: number): Thrift {
  return { type: I8, value }
}

export function binary(value: Uint8Array | string): Thrift {
  return { type: BINARY, value: typeof value === 'string' ? Buffer.from(value) : value }
}

/** Of one type; an empty list counts as one of structs. */
export function list(items: readonly Thrift[]): Thrift {
  return { type: LIST, value: items, item: items[0]?.type ?? STRUCT }
}

/** Fields in the order of their numbers. */
export function struct(...fields: readonly ThriftField[]): Thrift {
  return { type: STRUCT, value: fields }
}

export function encodeThrift(value: Thrift): Buffer {
  const out: Out = { bytes: Buffer.allocUnsafe(256), length: 0 }
  writeValue(out, value)
  return out.bytes.subarray(0, out.length)
}

type Out = { bytes: Buffer; length: number }

// The casts of this file: `type` says which of the values it is; the functions above are the only ones that make them.
function writeValue(out: Out, { type, value, item }: Thrift): void {
  if (type === I8) writeByte(out, value as number)
  else if (type === I16 || type === I32 || type === I64) writeVarint(out, zigzag(value as number))
  else if (type === BINARY) writeBinary(out, value as Uint8Array)
  else if (type === LIST) writeList(out, value as readonly Thrift[], item as number)
  else if (type === STRUCT) writeStruct(out, value as readonly ThriftField[])
}

function writeStruct(out: Out, fields: readonly ThriftField[]): void {
  let last = 0
  for (const [id, value] of fields) {
    if (value === null) continue
    const delta = id - last
    if (delta > 0 && delta <= 15) writeByte(out, (delta << 4) | value.type)
    else {
      writeByte(out, value.type)
      writeVarint(out, zigzag(id))
    }
    writeValue(out, value)
    last = id
  }
  writeByte(out, 0)
}

function writeList(out: Out, items: readonly Thrift[], type: number): void {
  if (items.length < 15) writeByte(out, (items.length << 4) | type)
  else {
    writeByte(out, 0xf0 | type)
    writeVarint(out, items.length)
  }
  for (const item of items) writeValue(out, item)
}

function writeBinary(out: Out, bytes: Uint8Array): void {
  writeVarint(out, bytes.length)
  reserve(out, bytes.length)
  out.bytes.set(bytes, out.length)
  out.length += bytes.length
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

/** Seven bits a byte, the lowest first. By division: past 32 bits numbers have no shifts. */
function writeVarint(out: Out, value: number): void {
  let rest = value
  while (rest > 0x7f) {
    writeByte(out, (rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  writeByte(out, rest)
}

function writeByte(out: Out, byte: number): void {
  reserve(out, 1)
  out.bytes[out.length++] = byte
}

function reserve(out: Out, more: number): void {
  if (out.length + more <= out.bytes.length) return
  const wider = Buffer.allocUnsafe((out.length + more) * 2)
  out.bytes.copy(wider, 0, 0, out.length)
  out.bytes = wider
}
