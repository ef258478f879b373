import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNCHANGED } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createPgoutputDecoder, type PgoutputDecoder } from './pgoutput-decoder.ts'
import { createTupleScanner } from './tuple-image.ts'
import { createTupleDecoder } from './tuple.ts'
import type { RowImage } from '../../contracts/row-image.ts'

/** Captured from Postgres 14 (protocol 1): t(id int primary key, a text, big text external), f(id int, v text) with REPLICA IDENTITY FULL. */
const GOLDEN = `420000000001721990000303b817ad90fd000002de
52000040007075626c69630074006400030169640000000017ffffffff00610000000019ffffffff006269670000000019ffffffff
49000040004e00037400000001317400000002c3a47400000bb8${'78'.repeat(3000)}
49000040004e00037400000001326e740000000173
55000040004e000374000000013174000000016275
55000040004b00037400000001326e6e4e00037400000001336e740000000173
44000040004b00037400000001336e6e
52000040077075626c69630066006600020169640000000017ffffffff01760000000019ffffffff
49000040074e000274000000013774000000036f6c64
55000040074f000274000000013774000000036f6c644e00027400000001376e
44000040074f00027400000001376e
4d0100000000017205e87072650000000002696e
5400000002030000400000004007
430000000000017219900000000001721bd0000303b817ad90fd
4d0000000000017305e87072650000000002ff00`.split('\n')

const EXPECTED = [
  'begin 0000000001721990 734 1795198936248573',
  'relation 16384 public.t d id+:23 a:25 big:25',
  `insert t ["1","ä","${'x'.repeat(3000)}"]`,
  'insert t ["2",null,"s"]',
  'update t none null ["1","b","UNCHANGED"]',
  'update t key ["2",null,null] ["3",null,"s"]',
  'delete t key ["3",null,null]',
  'relation 16391 public.f f id+:23 v+:25',
  'insert f ["7","old"]',
  'update f full ["7","old"] ["7",null]',
  'delete f full ["7",null]',
  'message true 00000000017205E8 pre 696e',
  'truncate 16384,16391 true true',
  'commit 0000000001721990 0000000001721BD0',
  'message false 00000000017305E8 pre ff00',
  'keepalive 0000000001721BD0 true',
]

const framed = (hex: string) => Buffer.concat([Buffer.from('77' + '00'.repeat(24), 'hex'), Buffer.from(hex, 'hex')])
const KEEPALIVE = Buffer.from('6b0000000001721bd0000000000000000001', 'hex')
const STREAM = Buffer.concat([...GOLDEN.map(framed), KEEPALIVE])

const text = (buf: Buffer, start: number, end: number) => buf.utf8Slice(start, end)
const show = (row: unknown) => JSON.stringify(row, (_, value) => (value === UNCHANGED ? 'UNCHANGED' : value))

/** A decoder that writes down what it was told; relations are defined as they come, or not at all. */
function record(options: { defines?: boolean; scans?: boolean } = {}) {
  const told: string[] = []
  const images: { image: RowImage; shown: string }[] = []
  const decoder: PgoutputDecoder<string> = createPgoutputDecoder<string>({
    begin: ({ finalLsn, xid, commitTimeUs }) => told.push(`begin ${finalLsn} ${xid} ${commitTimeUs}`),
    commit: ({ finalLsn, endLsn }) => told.push(`commit ${finalLsn} ${endLsn}`),
    relation({ id, schema, name, identity, columns }) {
      told.push(
        `relation ${id} ${schema}.${name} ${identity} ${columns.map((c) => `${c.name}${c.isKey ? '+' : ''}:${c.typeOid}`).join(' ')}`,
      )
      if (options.defines === false) return
      const tuple = columns.map((column, target) => ({ name: column.name, decode: text, target }))
      const decode = createTupleDecoder(tuple)
      const types = tuple.map((column) => ({ ...column, type: { kind: 'text', name: 'text' } as const }))
      decoder.define(id, { decode, context: name, ...(options.scans ? { scan: createTupleScanner(types, decode) } : {}) })
    },
    image(table, op, image) {
      const shown = show(image.row())
      images.push({ image, shown })
      told.push(op === 'insert' ? `insert ${table} ${shown}` : `update ${table} none null ${shown}`)
    },
    insert: (table, after) => told.push(`insert ${table} ${show(after)}`),
    update: (table, kind, old, after) => told.push(`update ${table} ${kind} ${show(old)} ${show(after)}`),
    delete: (table, kind, old) => told.push(`delete ${table} ${kind} ${show(old)}`),
    passed: () => told.push('passed'),
    truncate: ({ relations, cascade, restartIdentity }) => told.push(`truncate ${relations} ${cascade} ${restartIdentity}`),
    message: ({ transactional, lsn, prefix, content }) =>
      told.push(`message ${transactional} ${lsn} ${prefix} ${Buffer.from(content).toString('hex')}`),
    keepalive: (walEnd, wantsReply) => told.push(`keepalive ${walEnd} ${wantsReply}`),
  })
  return { decoder, told, images }
}

function feed(decoder: PgoutputDecoder<string>, chunks: readonly Buffer[]): void {
  for (const chunk of chunks) {
    decoder.push(chunk)
    while (decoder.run() === 'paused');
  }
}

describe('the pgoutput decoder', () => {
  test('reads every message type that a server sends', () => {
    const { decoder, told } = record()
    feed(decoder, [STREAM])
    expect(told).toEqual(EXPECTED)
    expect(decoder.consumed()).toBe(STREAM.length)
  })

  test('reads the same wherever the stream is cut in two', () => {
    for (let cut = 1; cut < STREAM.length; cut++) {
      if (cut > 300 && cut < 3000) continue // inside the long value
      const { decoder, told } = record()
      feed(decoder, [STREAM.subarray(0, cut), STREAM.subarray(cut)])
      expect(told, `cut at ${cut}`).toEqual(EXPECTED)
    }
  })

  test('hands whole rows on in the bytes they came in, which nothing changes later, wherever the stream is cut', () => {
    for (let cut = 1; cut < STREAM.length; cut++) {
      if (cut > 300 && cut < 3000) continue // inside the long value
      const { decoder, told, images } = record({ scans: true })
      const other = (cut * 37) % STREAM.length
      feed(decoder, [STREAM.subarray(0, cut), Buffer.concat([STREAM.subarray(cut), STREAM.subarray(0, other)]), STREAM.subarray(other)])
      expect(told, `cut at ${cut}`).toEqual([...EXPECTED, ...EXPECTED])
      expect(images).toHaveLength(6)
      for (const { image, shown } of images) expect(show(image.row()), `cut at ${cut}`).toBe(shown)
    }
  })

  test('hands each message on with its last byte', () => {
    const { decoder, told } = record()
    let end = 0
    for (const [index, hex] of [...GOLDEN.map(framed), KEEPALIVE].entries()) {
      end += hex.length
      feed(decoder, [hex.subarray(0, -1)])
      expect(told.length).toBe(index)
      feed(decoder, [hex.subarray(-1)])
      expect(told.length).toBe(index + 1)
      expect(decoder.consumed()).toBe(end)
    }
  })

  test('reads the same in chunks of any sizes', () => {
    const twice = Buffer.concat([STREAM, STREAM])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 60 }), (sizes) => {
        const chunks: Buffer[] = []
        for (let at = 0, turn = 0; at < twice.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          chunks.push(twice.subarray(at, at + size))
          at += size
        }
        const { decoder, told } = record()
        feed(decoder, chunks)
        expect(told).toEqual([...EXPECTED, ...EXPECTED])
      }),
      { numRuns: 200 },
    )
  })

  test('passes over, and counts, changes of relations that have no decoder, and all while skipping', () => {
    const unknown = record({ defines: false })
    feed(unknown.decoder, [STREAM])
    expect(unknown.told.filter((line) => line === 'passed')).toHaveLength(8)
    const skipping = record()
    skipping.decoder.skip(true)
    feed(skipping.decoder, [STREAM])
    expect(skipping.told.filter((line) => line === 'passed')).toHaveLength(8)
    expect(skipping.told.filter((line) => line.startsWith('relation'))).toHaveLength(2)
  })

  test('stops after the message in hand when paused, and goes on where it stopped', () => {
    const { decoder, told } = record()
    const log = told.push.bind(told)
    told.push = (...lines) => {
      decoder.pause()
      return log(...lines)
    }
    decoder.push(STREAM)
    for (let count = 1; count <= EXPECTED.length; count++) {
      expect(decoder.run()).toBe('paused')
      expect([...told]).toEqual(EXPECTED.slice(0, count))
    }
    expect(decoder.run()).toBe('starved')
  })

  test.each([
    [1, 64 << 20],
    [1600, 40_000],
  ])('copies a row of %i columns of %i bytes only a few times, whatever the chunks', (width, size) => {
    const column = Buffer.concat([Buffer.from([0x74, size >>> 24, size >>> 16, size >>> 8, size]), Buffer.alloc(size, 0x79)])
    const head = Buffer.from(`77${'00'.repeat(24)}49000040074e${width.toString(16).padStart(4, '0')}`, 'hex')
    const row = Buffer.concat([head, ...Array.from({ length: width }, () => column)])
    const { decoder, told } = record()
    feed(
      decoder,
      [0, 7].map((index) => framed(GOLDEN[index]!)),
    ) // both are there
    let length = 0
    const decode = (_: Buffer, start: number, end: number) => (length += end - start)
    const last = { name: 'v', target: 0, decode }
    decoder.define(16391, { decode: createTupleDecoder([...Array.from({ length: width - 1 }, () => null), last]), context: 'f' })
    const started = performance.now()
    for (let at = 0; at < row.length; at += 65_536) feed(decoder, [row.subarray(at, at + 65_536)])
    expect(length).toBe(size)
    expect(told.at(-1)).toBe(`insert f [${size}]`)
    // Copied at each of the 1024 chunks it would be 32 GB.
    expect(performance.now() - started).toBeLessThan(3000)
  })

  test.each([
    ['a change outside a transaction', [GOLDEN[1]!, GOLDEN[3]!], 'STREAM_PROTOCOL'],
    ['a change of an unknown relation', [GOLDEN[0]!, GOLDEN[3]!], 'STREAM_PROTOCOL'],
    ['a transaction in a transaction', [GOLDEN[0]!, GOLDEN[0]!], 'STREAM_PROTOCOL'],
    ['a commit alone', [GOLDEN[13]!], 'STREAM_PROTOCOL'],
    ['a streamed transaction', ['53000000010001'], 'STREAM_PROTOCOL'],
    ['another count of columns', [GOLDEN[0]!, GOLDEN[1]!, '49000040004e0001740000000131'], 'CODEC_MALFORMED'],
    ['an unknown kind of column', [GOLDEN[0]!, GOLDEN[1]!, '49000040004e0003ff00000000000000'], 'CODEC_MALFORMED'],
    ['a negative length', [GOLDEN[0]!, GOLDEN[1]!, '49000040004e000374ffffffff6e6e'], 'CODEC_MALFORMED'],
  ])('refuses %s', (_, messages, code) => {
    const { decoder } = record()
    expect(() => feed(decoder, messages.map(framed))).toThrow(expect.objectContaining({ code }))
  })

  test('names the column whose value is malformed', () => {
    const { decoder } = record()
    feed(decoder, [framed(GOLDEN[0]!), framed(GOLDEN[1]!)])
    const fail = () => {
      throw new RangeError('no')
    }
    const columns = ['id', 'a', 'big'].map((name, target) => ({ name, target, decode: name === 'a' ? fail : text }))
    decoder.define(16384, { decode: createTupleDecoder(columns), context: 't' })
    expect(() => feed(decoder, [framed(GOLDEN[2]!)])).toThrow(expect.objectContaining({ fields: expect.objectContaining({ column: 'a' }) }))
  })

  test('answers any bytes with messages or an error of the table, never another', () => {
    const mutated = fc.record({ at: fc.nat(STREAM.length - 1), byte: fc.nat(255), cut: fc.nat(STREAM.length) })
    fc.assert(
      fc.property(fc.array(mutated, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(STREAM)
        for (const { at, byte } of changes) bytes[at] = byte
        const { decoder } = record()
        const cut = changes[0]!.cut // at least one
        try {
          feed(decoder, [bytes.subarray(0, cut), bytes.subarray(cut)])
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
