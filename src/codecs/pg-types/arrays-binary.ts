import type { Value } from '../../contracts/table.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { malformed } from './malformed.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * Arrays in binary: arrayfuncs.c, `array_send`.
 *
 *   int32 dimensions, int32 hasNulls, int32 element's oid, dimensions × (int32 length, int32 lower bound),
 *   then each element, last dimension fastest: int32 bytes (−1: NULL), the element's own binary form
 */
export function createArrayBinaryDecoder(element: ValueDecoder): ValueDecoder {
  return (buf, start, end) => {
    const dimensions = end - start >= 12 ? buf.readInt32BE(start) : -1
    const data = start + 12 + 8 * dimensions
    if (dimensions < 0 || dimensions > 6 || data > end) throw malformed(start, 'it is no array')
    if (dimensions === 0) return []
    const lengths: number[] = []
    const bounds: number[] = []
    for (let at = start + 12; at < data; at += 8) {
      lengths.push(buf.readInt32BE(at))
      bounds.push(buf.readInt32BE(at + 4))
    }
    const cursor = { buf, at: data, end, element }
    const items = readDimension(cursor, lengths, 0)
    if (cursor.at !== end) throw malformed(cursor.at, 'an array goes on after its end')
    return withLowerBounds(items, bounds)
  }
}

type Cursor = { buf: Buffer; at: number; end: number; element: ValueDecoder }

function readDimension(cursor: Cursor, lengths: readonly number[], depth: number): Value[] {
  const length = lengths[depth] as number
  // Each element has at least four bytes: a length past that would only exhaust the memory.
  if (length <= 0 || length > (cursor.end - cursor.at) / 4) throw malformed(cursor.at, 'a dimension of an array is too long')
  const items: Value[] = []
  const innermost = depth === lengths.length - 1
  for (let i = 0; i < length; i++) items.push(innermost ? readElement(cursor) : readDimension(cursor, lengths, depth + 1))
  return items
}

function readElement(cursor: Cursor): Value {
  const { buf, at, end, element } = cursor
  const start = at + 4
  const length = start <= end ? buf.readInt32BE(at) : -2
  cursor.at = start + Math.max(length, 0)
  if (length < -1 || cursor.at > end) throw malformed(at, 'an element of an array is longer than the array')
  return length === -1 ? null : element(buf, start, cursor.at)
}
