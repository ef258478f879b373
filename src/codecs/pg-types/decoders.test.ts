import { describe, expect, it } from 'vitest'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { canonicalEquals } from '../../values/canonical-equals.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { createBinaryDecoder } from './create-binary-decoder.ts'
import { createTextDecoder } from './create-text-decoder.ts'
import { toPgText } from './to-pg-text.ts'

/** Golden forms, as Postgres 14 to 18 send them: [text, binary in hexadecimal, canonical value]. The server itself is asked in oracle.pg.test.ts. */
const text = (name: string): LogicalType => ({ kind: 'text', name })
const decimal: LogicalType = { kind: 'decimal', precision: null, scale: null }
const ints: LogicalType = { kind: 'array', of: { kind: 'int32' } }

const GOLDEN: [LogicalType, string, string | null, Value][] = [
  [{ kind: 'boolean' }, 't', '01', true],
  [{ kind: 'boolean' }, 'f', '00', false],
  [{ kind: 'int16' }, '-32768', '8000', -32768],
  [{ kind: 'int32' }, '2147483647', '7fffffff', 2147483647],
  [{ kind: 'uint32' }, '4294967295', 'ffffffff', 4294967295],
  [{ kind: 'int64' }, '-9223372036854775808', '8000000000000000', -(2n ** 63n)],
  [{ kind: 'int64' }, '42', '000000000000002a', 42n],
  [{ kind: 'float32' }, '1.1', '3f8ccccd', 1.1],
  [{ kind: 'float32' }, '-0', '80000000', -0],
  [{ kind: 'float32' }, '1.2621775e-29', '0f800000', 1.2621775e-29],
  [{ kind: 'float32' }, '0.00024414062', '39800000', 0.00024414062],
  [{ kind: 'float64' }, 'NaN', '7ff8000000000000', Number.NaN],
  [{ kind: 'float64' }, '-Infinity', 'fff0000000000000', Number.NEGATIVE_INFINITY],
  [decimal, '12.50', '0002000000000002000c1388', '12.50'],
  [decimal, '-0.0001', '0001ffff400000040001', '-0.0001'],
  [decimal, '0.00', '0000000000000002', '0.00'],
  [decimal, '100000000', '00010002000000000001', '100000000'],
  [decimal, 'NaN', '00000000c0000000', 'NaN'],
  [decimal, '-Infinity', '00000000f0000000', '-Infinity'],
  [{ kind: 'decimal', precision: 19, scale: 2 }, '-$1,234,567.89', null, '-1234567.89'],
  [text('text'), 'ü🎉', 'c3bcf09f8e89', 'ü🎉'],
  [{ kind: 'json', binary: true }, '{"a": 1}', '017b2261223a20317d', '{"a": 1}'],
  [{ kind: 'bytes' }, '\\x00ff', '00ff', new Uint8Array([0, 255])],
  [{ kind: 'bits' }, '1010101011', '0000000aaac0', '1010101011'],
  [{ kind: 'date' }, '2000-01-01', '00000000', '2000-01-01'],
  [{ kind: 'date' }, '0044-03-15 BC', 'fff49d7b', '-0043-03-15'],
  [{ kind: 'date' }, '12026-05-06', '0037e0df', '+12026-05-06'],
  [{ kind: 'date' }, '-infinity', '80000000', '-infinity'],
  [{ kind: 'time' }, '24:00:00', '000000141dd76000', '24:00:00'],
  [{ kind: 'timetz' }, '01:02:03.5-08', '00000000ddf019e000007080', '01:02:03.5-08:00'],
  [{ kind: 'timestamp' }, '2000-01-01 00:00:00.5', '000000000007a120', '2000-01-01T00:00:00.5'],
  [{ kind: 'timestamptz' }, '1999-12-31 23:59:59.999999+00', 'ffffffffffffffff', '1999-12-31T23:59:59.999999Z'],
  [{ kind: 'timestamptz' }, 'infinity', '7fffffffffffffff', 'infinity'],
  [{ kind: 'interval' }, 'P-1M1DT-0.000001S', 'ffffffffffffffff00000001ffffffff', 'P-1M1DT-0.000001S'],
  [{ kind: 'interval' }, 'PT0S', '00000000000000000000000000000000', 'PT0S'],
  [{ kind: 'interval' }, 'infinity', '7fffffffffffffff7fffffff7fffffff', 'infinity'],
  [text('inet'), '192.168.1.5/24', '02180004c0a80105', '192.168.1.5/24'],
  [text('cidr'), '::/0', '03000110' + '00'.repeat(16), '::/0'],
  [text('macaddr'), '08:00:2b:01:02:03', '08002b010203', '08:00:2b:01:02:03'],
  [ints, '{}', '000000000000000000000017', []],
  [ints, '{1,NULL}', '000000010000000100000017' + '0000000200000001' + '0000000400000001ffffffff', [1, null]],
  [ints, '[0:0]={7}', '000000010000000000000017' + '0000000100000000' + '0000000400000007', withLowerBounds([7], [0])],
  [
    { kind: 'array', of: text('text') },
    '{{"a,b",NULL},{"NULL","\\"\\\\"}}',
    null,
    [
      ['a,b', null],
      ['NULL', '"\\'],
    ],
  ],
  [{ kind: 'map' }, '"a"=>NULL, "__proto__"=>"\\"x"', null, JSON.parse('{"a":null,"__proto__":"\\"x"}') as Value],
  [
    {
      kind: 'composite',
      name: 'pair',
      fields: [
        { name: 'n', type: { kind: 'int32' } },
        { name: 't', type: text('text') },
      ],
    },
    '(,"a ""b"" \\\\")',
    null,
    { n: null, t: 'a "b" \\' },
  ],
]

describe('golden forms', () => {
  it.each(GOLDEN)('of %o: %s', (type, printed, hex, value) => {
    const bytes = Buffer.from(`<<${printed}>>`)
    expect(canonicalEquals(createTextDecoder(type)(bytes, 2, bytes.length - 2), value)).toBe(true)
    if (hex !== null) {
      const framed = Buffer.from(`beef${hex}beef`, 'hex')
      expect(canonicalEquals(createBinaryDecoder(type)(framed, 2, framed.length - 2), value)).toBe(true)
    }
    const written = Buffer.from(toPgText(type, value as Exclude<Value, null>))
    expect(canonicalEquals(createTextDecoder(type)(written, 0, written.length), value)).toBe(true)
  })
})

it('reads a row from before ALTER TYPE … ADD ATTRIBUTE with NULL in the new field', () => {
  const fields = ['a', 'b', 'c'].map((name) => ({ name, type: { kind: 'int32' } as const }))
  const decode = createTextDecoder({ kind: 'composite', name: 'row', fields })
  expect(canonicalEquals(decode(Buffer.from('(1,2)'), 0, 5), { a: 1, b: 2, c: null })).toBe(true)
})

describe('malformed text', () => {
  it.each<[LogicalType, string]>([
    [{ kind: 'boolean' }, 'true'],
    [{ kind: 'int16' }, '32768'],
    [{ kind: 'int32' }, ''],
    [{ kind: 'int32' }, '-'],
    [{ kind: 'int32' }, '1.5'],
    [{ kind: 'uint32' }, '-1'],
    [{ kind: 'int64' }, '9223372036854775808'],
    [{ kind: 'int64' }, '12345678901234567x'],
    [{ kind: 'float64' }, ''],
    [{ kind: 'float64' }, '0x10'],
    [{ kind: 'float64' }, '1e999'],
    [decimal, '1.2.3'],
    [decimal, '-'],
    [decimal, '1,5'],
    [decimal, '.'],
    [decimal, '1.'],
    [decimal, '-.5'],
    [decimal, ''],
    [{ kind: 'bytes' }, '\\x0'],
    [{ kind: 'bytes' }, '\\x0g'],
    [{ kind: 'bits' }, '012'],
    [{ kind: 'uuid' }, 'a0eebc99'],
    [{ kind: 'date' }, '20.11.2026'],
    [{ kind: 'date' }, '2026-11-20 01:02:03'],
    [{ kind: 'timestamp' }, '2026-11-20'],
    [{ kind: 'timestamp' }, '2026-11-20 01:02:03+00'],
    [{ kind: 'timestamptz' }, '2026-11-20 01:02:03+01'],
    [{ kind: 'timestamptz' }, '2026-11-20 01:02:03.+00'],
    [{ kind: 'interval' }, '1 day'],
    [{ kind: 'interval' }, 'P'],
    [{ kind: 'interval' }, 'P1DT'],
    [ints, '{1'],
    [ints, '{1,}'],
    [ints, '{1}2'],
    [ints, '{{1}'],
    [ints, '[0:1={1,2}'],
    [ints, '{"1}'],
    [{ kind: 'map' }, '"a"=>b'],
    [{ kind: 'map' }, '"a"=>"b","c"=>"d"'],
    [{ kind: 'composite', name: 'p', fields: [{ name: 'n', type: { kind: 'int32' } }] }, '(1,2)'],
    [{ kind: 'composite', name: 'p', fields: [{ name: 'n', type: { kind: 'int32' } }] }, '1'],
  ])('of %o is refused: %s', (type, printed) => {
    const bytes = Buffer.from(printed)
    expect(() => createTextDecoder(type)(bytes, 0, bytes.length)).toThrow(expect.objectContaining({ code: 'CODEC_MALFORMED' }))
  })

  it('that is not UTF-8 is refused, and U+FFFD itself is not', () => {
    const decode = createTextDecoder(text('text'))
    const right = Buffer.from('\ufffd')
    expect(decode(right, 0, right.length)).toBe('\ufffd')
    expect(() => decode(Buffer.from([0x61, 0xff]), 0, 2)).toThrow(expect.objectContaining({ code: 'CODEC_MALFORMED' }))
  })
})
