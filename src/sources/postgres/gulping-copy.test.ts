import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { gulpingCopyBoth, gulpingCopyTo } from './gulping-copy.ts'

const frame = (kind: string, payload: Buffer) => {
  const head = Buffer.alloc(5)
  head.write(kind, 'latin1')
  head.writeUInt32BE(payload.length + 4, 1)
  return Buffer.concat([head, payload])
}
const PAYLOADS = ['', 'a', 'a longer payload that is cut somewhere', 'd\0\0\0\x05', 'x'.repeat(300)].map((text) =>
  Buffer.from(text, 'latin1'),
)
const DATA = Buffer.concat([...PAYLOADS.map((payload) => frame('d', payload)), ...PAYLOADS.map((payload) => frame('d', payload))])
const expected = Buffer.concat([...PAYLOADS, ...PAYLOADS]).toString('latin1')

const KINDS = [
  { name: 'both', make: () => gulpingCopyBoth('START_REPLICATION', {}), answer: frame('W', Buffer.from([0, 0, 0])) },
  { name: 'to', make: () => gulpingCopyTo('COPY t TO STDOUT', {}), answer: frame('H', Buffer.from([0, 0, 0])) },
] as const

/** A copy whose connection is a pair of ears; what it gives to the parser is all that it does. */
function open(make: (typeof KINDS)[number]['make']) {
  const copy = make()
  const given: Buffer[] = []
  const stream = Object.assign(new EventEmitter(), { pause() {}, resume() {}, read: () => null, write: () => true })
  stream.on('data', (bytes: Buffer) => given.push(Buffer.from(bytes)))
  copy.submit({ stream, query() {} } as never)
  const parse = (copy as unknown as { _parse(chunk: Buffer): boolean })._parse
  return {
    stream,
    given,
    read: () => (copy.read() as Buffer | null)?.toString('latin1'),
    take: (bytes: Buffer) => parse(Buffer.from(bytes)),
  }
}

describe.each(KINDS)('$name', ({ make, answer }) => {
  const wire = Buffer.concat([answer, DATA])

  test('payloads come out whole and in order, wherever the wire is cut', () => {
    for (let first = 1; first < wire.length; first += 3) {
      for (const second of [1, 2, 4, 7, 50]) {
        const { read, take } = open(make)
        const cut = Math.min(first + second, wire.length)
        for (const [from, to] of [
          [0, first],
          [first, cut],
          [cut, wire.length],
        ] as const)
          if (to > from) take(wire.subarray(from, to))
        expect(read()).toBe(expected)
      }
    }
  })

  test('whatever is not data goes back to the library from its first byte, with what follows', () => {
    const error = frame('E', Buffer.from('SFATAL\0\0'))
    for (let first = answer.length + 1; first < wire.length + error.length; first += 2) {
      const { stream, given, read, take } = open(make)
      const bytes = Buffer.concat([wire, error])
      take(bytes.subarray(0, first))
      // Once it has met the error, the connection's own parser listens again.
      if (given.length > 0) stream.emit('data', bytes.subarray(first))
      else take(bytes.subarray(first))
      // The library drops what came in one read with an error: it comes again on the next connection.
      expect(expected.startsWith(read() ?? '')).toBe(true)
      expect(Buffer.concat(given).toString('latin1')).toBe(error.toString('latin1'))
    }
  })
})

test('the end of a COPY goes back to the library, which hands on what follows', () => {
  const { make, answer } = KINDS[1]
  const end = Buffer.concat([frame('c', Buffer.alloc(0)), frame('C', Buffer.from('COPY 10\0'))])
  for (let first = answer.length + 1; first < answer.length + DATA.length + end.length; first += 2) {
    const { stream, given, read, take } = open(make)
    const bytes = Buffer.concat([answer, DATA, end])
    take(bytes.subarray(0, first))
    if (given.length > 0) stream.emit('data', bytes.subarray(first))
    else take(bytes.subarray(first))
    expect(read()).toBe(expected)
    expect(Buffer.concat(given).toString('latin1')).toBe(end.subarray(5).toString('latin1'))
  }
})
