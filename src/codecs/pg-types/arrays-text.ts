import type { Value } from '../../contracts/table.ts'
import '../../lib/buffer-slices.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { malformed } from './malformed.ts'
import { isNullWord, readQuoted } from './quoted-text.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * Arrays in text: manual, "Array Input and Output Syntax"; arrayfuncs.c, `array_out`.
 *
 *   array = [ '[' lower ':' upper ']' … '=' ] braces       bounds are printed only where one of the lower ones is not 1
 *   braces = '{' [ item { delimiter item } ] '}'           item = braces | '"' escaped '"' | bare | NULL
 */
const BOUNDS = /^(?:\[-?\d{1,10}:-?\d{1,10}\])+=/
const [OPEN, CLOSE, QUOTE, BACKSLASH, BRACKET] = [123, 125, 34, 92, 91]
const DEEPEST = 6

export function createArrayTextDecoder(element: ValueDecoder, delimiter: ',' | ';'): ValueDecoder {
  const separator = delimiter.charCodeAt(0)
  return (buf, start, end) => {
    const head = buf[start] === BRACKET ? readBounds(buf, start, end) : null
    const parsed = readBraces({ buf, end, element, separator }, head?.next ?? start, 1)
    if (parsed.next !== end) throw malformed(parsed.next, 'an array goes on after its end')
    return head ? withLowerBounds(parsed.items, head.bounds) : parsed.items
  }
}

type Input = { buf: Buffer; end: number; element: ValueDecoder; separator: number }

function readBounds(buf: Buffer, start: number, end: number): { bounds: number[]; next: number } {
  const [head] = BOUNDS.exec(buf.latin1Slice(start, Math.min(end, start + 24 * DEEPEST))) ?? []
  if (!head) throw malformed(start, 'the bounds of an array are malformed')
  const bounds = Array.from(head.matchAll(/\[(-?\d+):/g), (match) => Number(match[1]))
  return { bounds, next: start + head.length }
}

function readBraces(input: Input, at: number, depth: number): { items: Value[]; next: number } {
  const { buf, end, separator } = input
  if (buf[at] !== OPEN || at >= end || depth > DEEPEST) throw malformed(at, 'an array does not begin with a brace')
  const items: Value[] = []
  if (buf[at + 1] === CLOSE && at + 1 < end) return { items, next: at + 2 }
  for (let next = at + 1; next < end; next++) {
    next = readItem(input, next, depth, items)
    if (next < end && buf[next] === CLOSE) return { items, next: next + 1 }
    if (buf[next] !== separator) throw malformed(next, 'elements of an array are not separated')
  }
  throw malformed(end, 'an array does not end')
}

/** Adds the item that begins at `at`; returns where it ends. */
function readItem(input: Input, at: number, depth: number, items: Value[]): number {
  const { buf, end, element } = input
  if (buf[at] === OPEN) {
    const nested = readBraces(input, at, depth + 1)
    items.push(nested.items)
    return nested.next
  }
  if (buf[at] === QUOTE) {
    const token = readQuoted(buf, at, end, false)
    items.push(element(token.buf, token.start, token.end))
    return token.next
  }
  const stop = findEnd(input, at)
  if (stop === at) throw malformed(at, 'an element of an array is missing')
  items.push(isNullWord(buf, at, stop) ? null : element(buf, at, stop))
  return stop
}

function findEnd({ buf, end, separator }: Input, at: number): number {
  for (let i = at; i < end; i++) {
    const byte = buf[i] as number
    if (byte === separator || byte === CLOSE) return i
    if (byte === QUOTE || byte === BACKSLASH || byte === OPEN) throw malformed(i, 'an element of an array is not quoted')
  }
  throw malformed(end, 'an array does not end')
}
