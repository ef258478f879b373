import { expect, test } from 'vitest'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { changes, makeTable, openTestSink, readAll, rows, temporaryFolder, writeAll } from './sink.fixture.ts'

const array = (of: LogicalType): LogicalType => ({ kind: 'array', of })
const decimal = (precision: number | null, scale: number | null): LogicalType => ({ kind: 'decimal', precision, scale })
const TEXT: LogicalType = { kind: 'text', name: 'text' }
const POINT: LogicalType = {
  kind: 'composite',
  name: 'point3',
  fields: [
    { name: 'x', type: { kind: 'float64' } },
    { name: 'tags', type: array({ kind: 'int64' }) },
    { name: 'raw', type: { kind: 'bytes' } },
  ],
}

const KINDS: [LogicalType, Value[]][] = [
  [{ kind: 'boolean' }, [true, false]],
  [{ kind: 'int16' }, [-32768, 32767, 0]],
  [{ kind: 'int32' }, [-2147483648, 2147483647]],
  [{ kind: 'uint32' }, [0, 4294967295]],
  [{ kind: 'int64' }, [-9223372036854775808n, 9223372036854775807n, 0n, -1n]],
  [{ kind: 'float32' }, [1.1, -0, NaN, Infinity, -Infinity, 3.4028235e38, 1e-45, 16777216, 0.1, 1.1754944e-38]],
  [{ kind: 'float64' }, [0.1, -0, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308]],
  [decimal(4, 2), ['12.50', '-99.99', '0.00']],
  [decimal(9, 0), ['999999999', '-1']],
  [decimal(18, 6), ['123456789012.123456', '-0.000001']],
  [decimal(38, 10), ['9999999999999999999999999999.9999999999', '-1.0000000000', '-9999999999999999999999999999.9999999999']],
  [decimal(2, -3), ['12000', '0']],
  [decimal(2, 5), ['0.00012', '-0.00099']],
  [decimal(100, 20), ['1'.repeat(80) + '.' + '2'.repeat(20)]],
  [decimal(null, null), ['1.10', 'NaN', 'Infinity', '-Infinity', '0.000']],
  [TEXT, ['', 'a', 'twelve bytes', 'thirteen byte', 'ä€😀', 'x'.repeat(70_000), 'it\'s "quoted" \\ \n']],
  [{ kind: 'text', name: 'mood', labels: ['sad', 'ok'] }, ['sad', 'ok']],
  [{ kind: 'json', binary: true }, ['{"a": 1}', 'null', '[1,  2]', '"x"']],
  [
    { kind: 'uuid' },
    ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0190a6c5-1b2c-7def-8123-456789abcdef'],
  ],
  [{ kind: 'bytes' }, [new Uint8Array(), new Uint8Array([0, 255]), new Uint8Array(5000).fill(7)]],
  [{ kind: 'bits' }, ['', '0', '10101']],
  [{ kind: 'date' }, ['2026-11-20', '-4712-01-01', '-0043-03-15', '+12026-01-01', '+5874897-12-31', 'infinity', '-infinity', '0000-02-29']],
  [{ kind: 'time' }, ['00:00:00', '24:00:00', '01:02:03.5', '23:59:59.999999']],
  [{ kind: 'timetz' }, ['01:02:03.5+05:30', '24:00:00-15:59:59']],
  [
    { kind: 'timestamp' },
    [
      '2026-11-20T01:02:03.5',
      '-4712-01-01T00:00:00',
      '+294246-12-31T23:59:59.999999',
      'infinity',
      '-infinity',
      '0001-01-01T00:00:00',
      '1969-12-31T23:59:59.999999',
    ],
  ],
  [{ kind: 'timestamptz' }, ['2026-11-20T01:02:03.000001Z', '-0043-03-15T12:00:00Z', '+10000-01-01T00:00:00Z', 'infinity', '-infinity']],
  [{ kind: 'interval' }, ['P1Y2M3DT4H5M6.789S', 'infinity', 'PT0S']],
  [array({ kind: 'int32' }), [[], [1, null, 3], [null]]],
  [array(TEXT), [['a', null, 'a longer text than twelve'], ['']]],
  [array(decimal(10, 2)), [['1.50', null]]],
  [array({ kind: 'timestamptz' }), [['2026-11-20T01:02:03Z', 'infinity']]],
  [array({ kind: 'json', binary: false }), [['{"a":1}', null]]],
  [array(POINT), [[{ x: -0, tags: [1n], raw: new Uint8Array([1]) }, null]]],
  [{ kind: 'map' }, [{}, { a: '1', b: null, 'ä"': 'x' }]],
  [
    POINT,
    [
      { x: NaN, tags: [9007199254740993n, null], raw: new Uint8Array([1, 2]) },
      { x: null, tags: null, raw: null },
    ],
  ],
  [{ kind: 'unknown', name: 'box' }, ['(1,1),(0,0)']],
]

test.each(KINDS)('a value of %o is read back as it was written', async (type, values) => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const table = makeTable([
    ['id', { kind: 'int32' }],
    ['v', type],
  ])
  const all = [...values, null]
  const given = Array.from({ length: 3000 }, (_, id): Row => [id, all[id % all.length] ?? null])
  await writeAll(sink, [
    changes(
      10,
      table,
      given.slice(0, 1500).map((after) => ({ op: 'insert', after })),
    ),
    rows(20, table, { rows: given.slice(1500) }),
  ])
  const found = await readAll(sink, table)
  expect(found.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(given)
})

test('an array with more dimensions or other bounds makes its column JSON, and no value changes', async () => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const table = makeTable([
    ['id', { kind: 'int32' }],
    ['v', array({ kind: 'int64' })],
  ])
  const flat: Row[] = [
    [1, [1n, null]],
    [2, null],
    [3, []],
  ]
  const deep: Row[] = [
    [
      4,
      [
        [1n, 2n],
        [3n, null],
      ],
    ],
    [5, withLowerBounds([9007199254740993n], [0])],
  ]
  await writeAll(sink, [
    changes(
      10,
      table,
      flat.map((after) => ({ op: 'insert', after })),
    ),
    changes(
      20,
      table,
      deep.map((after) => ({ op: 'insert', after })),
    ),
    changes(30, table, [{ op: 'insert', after: [6, [7n]] }]),
  ])
  const found = (await readAll(sink, table)).sort((a, b) => Number(a[0]) - Number(b[0]))
  expect(found).toEqual([...flat, ...deep, [6, [7n]]])
})
