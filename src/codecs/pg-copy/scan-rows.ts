import { malformed } from '../pg-types/malformed.ts'

/**
 * Finds the rows of COPY BINARY (manual, "COPY", "Binary Format"), and that every field lies inside the bytes:
 * decoders after this need no bounds but their own.
 *
 *   [ signature, int32 flags, int32 extension's length, extension ] { row } [ int16 −1 ]
 *   row = int16 fields, fields × (int32 bytes (−1: NULL), value)
 *
 * A header cannot be taken for a row: as a count of fields it would say 20551, past Postgres' limit of 1600.
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const CRITICAL_FLAGS = 0xffff0000

/** Where each row's first field begins. */
export function scanRows(buf: Buffer, fields: number, expectedRows = 0): Int32Array {
  let starts: Int32Array = new Int32Array(expectedRows > 0 ? expectedRows : estimateRows(buf.length, fields))
  const view = viewOf(buf)
  let rows = 0
  let at = skipHeader(buf)
  const end = buf.length
  while (at < end) {
    const count = at + 2 <= end ? buf.readInt16BE(at) : -2
    if (count === -1) {
      if (at + 2 !== end) throw malformed(at + 2, 'bytes follow the trailer of COPY')
      break
    }
    if (count !== fields) throw malformed(at, `a row has ${count} fields instead of ${fields}`)
    if (rows === starts.length) starts = grow(starts)
    starts[rows++] = at + 2
    at = skipFields(view, at + 2, fields)
  }
  return rows === starts.length ? starts : starts.slice(0, rows)
}

/** Where each field's length stands, for `count` rows from row `first`: `positions[row * fields + field]`. */
export function locateFields(rows: RowRange, positions: Int32Array, fields: number): void {
  const { view, starts, first, count } = rows
  let slot = 0
  for (let row = first; row < first + count; row++) {
    let at = starts[row] as number
    for (let field = 0; field < fields; field++) {
      positions[slot++] = at
      const length = view.getInt32(at)
      at += length > 0 ? length + 4 : 4
    }
  }
}

type RowRange = { view: DataView; starts: Int32Array; first: number; count: number }

export function viewOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.length)
}

function skipFields(view: DataView, start: number, fields: number): number {
  const end = view.byteLength
  let at = start
  for (let field = 0; field < fields; field++) {
    if (at + 4 > end) throw malformed(at, 'a row ends too early')
    const length = view.getInt32(at)
    if (length < -1 || length > end - at - 4) throw malformed(at, 'a field is longer than the bytes')
    at += length > 0 ? length + 4 : 4
  }
  return at
}

function skipHeader(buf: Buffer): number {
  if (buf.length < 19 || SIGNATURE.compare(buf, 0, 11) !== 0) return 0
  if ((buf.readUInt32BE(11) & CRITICAL_FLAGS) !== 0) throw malformed(11, 'the header of COPY has unknown flags')
  const extension = buf.readUInt32BE(15)
  if (extension > buf.length - 19) throw malformed(15, 'the header of COPY is longer than the bytes')
  return 19 + extension
}

function estimateRows(bytes: number, fields: number): number {
  return Math.max(16, Math.floor(bytes / (2 + fields * 12)))
}

function grow(starts: Int32Array): Int32Array {
  const wider = new Int32Array(starts.length * 2)
  wider.set(starts)
  return wider
}
