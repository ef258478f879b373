import { malformed } from '../pg-types/malformed.ts'

/** Postgres holds no value past 1 GB. */
const LONGEST = 1 << 30

/**
 * Where the message that begins at `at` ends, without decoding it; where it goes past `end`, minus the offset up to
 * which bytes are needed, at least. Messages carry no length of their own; their grammar says it.
 */
export function measureMessage(buf: Buffer, at: number, end: number): number {
  if (at >= end) return -(at + 1)
  switch (buf[at]) {
    case 0x42: // B
      return fixed(at + 21, end)
    case 0x43: // C
      return fixed(at + 26, end)
    case 0x49: // I
    case 0x44: // D
      return measureTuple(buf, at + 6, end)
    case 0x55: // U
      return measureUpdate(buf, at + 5, end)
    case 0x52: // R
      return measureRelation(buf, at + 5, end)
    case 0x54: // T
      return at + 5 > end ? -(at + 5) : fixed(at + 6 + 4 * buf.readInt32BE(at + 1), end)
    case 0x4d: // M
      return measureLogicalMessage(buf, at + 10, end)
    case 0x59: // Y
      return measureStrings(buf, at + 5, end, 2)
    case 0x4f: // O
      return measureStrings(buf, at + 9, end, 1)
    default:
      return at + 1 // unknown: the decoder says so
  }
}

function fixed(stop: number, end: number): number {
  return stop <= end ? stop : -stop
}

/** `TupleData` as in tuple.ts. */
export function measureTuple(buf: Buffer, at: number, end: number): number {
  if (at + 2 > end) return -(at + 2)
  let left = buf.readInt16BE(at)
  at += 2
  for (; left > 0; left--) {
    if (at >= end) return -(at + left)
    if (buf[at] !== 0x74 && buf[at] !== 0x62) {
      at++ // n, u
      continue
    }
    if (at + 5 > end) return -(at + 4 + left)
    const length = buf.readInt32BE(at + 1)
    if (length < 0 || length > LONGEST) throw malformed(at, `a value of ${length} bytes`)
    at += 5 + length
  }
  return fixed(at, end)
}

/** `['K' TupleData | 'O' TupleData] 'N' TupleData` */
function measureUpdate(buf: Buffer, at: number, end: number): number {
  if (at >= end) return -(at + 1)
  if (buf[at] === 0x4e) return measureTuple(buf, at + 1, end)
  const next = measureTuple(buf, at + 1, end)
  return next < 0 ? next : measureTuple(buf, next + 1, end)
}

/** `String schema, String name, Byte identity, Int16 columns, then for each: Byte flags, String name, Int32 type, Int32 modifier` */
function measureRelation(buf: Buffer, at: number, end: number): number {
  at = measureStrings(buf, at, end, 2)
  if (at < 0) return at
  if (at + 3 > end) return -(at + 3)
  let left = buf.readInt16BE(at + 1)
  at += 3
  for (; left > 0; left--) {
    at = measureStrings(buf, at + 1, end, 1)
    if (at < 0) return at
    at += 8
  }
  return fixed(at, end)
}

/** `String prefix, Int32 length, bytes` */
function measureLogicalMessage(buf: Buffer, at: number, end: number): number {
  at = measureStrings(buf, at, end, 1)
  if (at < 0) return at
  if (at + 4 > end) return -(at + 4)
  const length = buf.readInt32BE(at)
  if (length < 0 || length > LONGEST) throw malformed(at, `a message of ${length} bytes`)
  return fixed(at + 4 + length, end)
}

function measureStrings(buf: Buffer, at: number, end: number, count: number): number {
  for (; count > 0; count--) {
    if (at >= end) return -(at + count)
    const zero = buf.indexOf(0, at)
    if (zero < 0 || zero >= end) return -(end + count)
    at = zero + 1
  }
  return at
}
