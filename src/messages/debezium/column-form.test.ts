import { describe, expect, test } from 'vitest'
import type { LogicalType, Value } from '../../contracts/table.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { everyKindTable, sampleColumn } from '../../testing/fixtures.ts'
import { columnForm } from './column-form.ts'
import { createMisfit } from './misfit.ts'
import { debeziumOptions } from './options.ts'
import { z } from 'zod'

/** How a column looks by a connector's properties. What Debezium 3.6.1 itself writes for these is in test/debezium; what differs, in docs/specs/debezium.md. */
function formed(type: LogicalType, { properties = {}, modifier = -1, sourceType = 'x' }: Formed = {}) {
  const options = z.strictObject(debeziumOptions).parse(properties)
  const misfit = createMisfit({ table: 'public.t', column: 'c' }, options['event.converting.failure.handling.mode'] === 'fail')
  const form = columnForm(sampleColumn('c', type, { typeModifier: modifier, sourceType }), options, misfit)
  return { form, schema: form?.schema, value: (value: Value): unknown => (form ? JSON.parse(form.text(value)) : 'left out') }
}
type Formed = { properties?: Record<string, string>; modifier?: number; sourceType?: string }

const text = (name: string): LogicalType => ({ kind: 'text', name })
const decimal = (precision: number | null, scale: number | null): LogicalType => ({ kind: 'decimal', precision, scale })

test.each<[string, LogicalType, string, string | undefined]>([
  ['boolean', { kind: 'boolean' }, 'boolean', undefined],
  ['smallint', { kind: 'int16' }, 'int16', undefined],
  ['integer', { kind: 'int32' }, 'int32', undefined],
  ['bigint', { kind: 'int64' }, 'int64', undefined],
  ['oid', { kind: 'uint32' }, 'int64', undefined],
  ['real', { kind: 'float32' }, 'float', undefined],
  ['double', { kind: 'float64' }, 'double', undefined],
  ['numeric(4,2)', decimal(4, 2), 'bytes', 'org.apache.kafka.connect.data.Decimal'],
  ['numeric', decimal(null, null), 'struct', 'io.debezium.data.VariableScaleDecimal'],
  ['text', text('text'), 'string', undefined],
  ['citext', text('citext'), 'string', undefined],
  ['int4range', text('int4range'), 'string', undefined],
  ['xml', text('xml'), 'string', 'io.debezium.data.Xml'],
  ['tsvector', text('tsvector'), 'string', 'io.debezium.data.Tsvector'],
  ['ltree', text('ltree'), 'string', 'io.debezium.data.Ltree'],
  ['enum', { kind: 'text', name: 'mood', labels: ['a', 'b'] }, 'string', 'io.debezium.data.Enum'],
  ['json', { kind: 'json', binary: false }, 'string', 'io.debezium.data.Json'],
  ['uuid', { kind: 'uuid' }, 'string', 'io.debezium.data.Uuid'],
  ['bytea', { kind: 'bytes' }, 'bytes', undefined],
  ['varbit', { kind: 'bits' }, 'bytes', 'io.debezium.data.Bits'],
  ['date', { kind: 'date' }, 'int32', 'io.debezium.time.Date'],
  ['time', { kind: 'time' }, 'int64', 'io.debezium.time.MicroTime'],
  ['timetz', { kind: 'timetz' }, 'string', 'io.debezium.time.ZonedTime'],
  ['timestamp', { kind: 'timestamp' }, 'int64', 'io.debezium.time.MicroTimestamp'],
  ['timestamptz', { kind: 'timestamptz' }, 'string', 'io.debezium.time.ZonedTimestamp'],
  ['interval', { kind: 'interval' }, 'int64', 'io.debezium.time.MicroDuration'],
  ['hstore', { kind: 'map' }, 'string', 'io.debezium.data.Json'],
  ['bigint[]', { kind: 'array', of: { kind: 'int64' } }, 'array', undefined],
  ['point', { kind: 'unknown', name: 'point' }, 'struct', 'io.debezium.data.geometry.Point'],
  ['geometry', { kind: 'unknown', name: 'geometry' }, 'struct', 'io.debezium.data.geometry.Geometry'],
  ['vector', { kind: 'unknown', name: 'vector' }, 'array', 'io.debezium.data.DoubleVector'],
  ['halfvec', { kind: 'unknown', name: 'halfvec' }, 'array', 'io.debezium.data.FloatVector'],
  ['sparsevec', { kind: 'unknown', name: 'sparsevec' }, 'struct', 'io.debezium.data.SparseDoubleVector'],
])('%s has the schema that Debezium gives it', (_, type, of, name) => {
  expect(formed(type).schema).toMatchObject({
    type: of,
    optional: false,
    ...(name === undefined ? {} : { name, version: expect.any(Number) }),
  })
  if (name === undefined) expect(formed(type).schema?.name).toBe(undefined)
})

test.each<[string, LogicalType]>([
  ['composites', { kind: 'composite', name: 'pair', fields: [] }],
  ['types not known', { kind: 'unknown', name: 'pg_lsn' }],
  ['multiranges', text('int4multirange')],
  ['tsquery', text('tsquery')],
])('%s are left out, or are bytes of the server’s text', (_, type) => {
  expect(formed(type).form).toBe(null)
  expect(formed(type, { properties: { 'include.unknown.datatypes': 'true' } }).schema).toEqual({ type: 'bytes', optional: false })
})

test('a type that is not known shows the server’s text', () => {
  const point: LogicalType = { kind: 'composite', name: 'at', fields: [{ name: 'x', type: { kind: 'int32' } }, { name: 'note', type: text('text') }] } // prettier-ignore
  const shown = formed(point, { properties: { 'include.unknown.datatypes': 'true', 'binary.handling.mode': 'hex' } })
  expect(Buffer.from(shown.value({ x: 1, note: 'a b' }) as string, 'hex').toString()).toBe('(1,"a b")')
})

describe('decimals', () => {
  const precise = formed(decimal(10, 2))
  test.each([
    ['0.00', 'AA=='],
    ['145.60', 'OOA='],
    ['-0.01', '/w=='],
    ['1.28', 'AIA='],
    ['-1.28', 'gA=='],
    ['99999999.99', 'AlQL4/8='],
  ])('%s is its unscaled integer in two’s complement', (number, bytes) => {
    expect(precise.value(number)).toBe(bytes)
    const unscaled = BigInt(number.replace('.', ''))
    const back = Buffer.from(bytes, 'base64')
    expect(BigInt.asIntN(8 * back.length, BigInt(`0x${back.toString('hex')}`))).toBe(unscaled)
  })
  test('large ones keep every digit', () => {
    expect(formed(decimal(38, 10)).value('1'.padEnd(28, '2') + '.0123456789')).toBe(
      Buffer.from(BigInt('1'.padEnd(28, '2') + '0123456789').toString(16).padStart(32, '0'), 'hex').toString('base64'), // prettier-ignore
    )
  })
  test('a negative scale counts hundreds', () => {
    expect(formed(decimal(3, -2)).schema?.parameters).toEqual({ scale: '-2', 'connect.decimal.precision': '3' })
    expect(formed(decimal(3, -2)).value('12300')).toBe('ew==')
    expect(formed(decimal(3, -2)).value('0')).toBe('AA==')
  })
  test('without bounds each has a scale of its own, and no zero at its end', () => {
    const variable = formed(decimal(null, null))
    expect(variable.value('1.10')).toEqual({ scale: 1, value: 'Cw==' })
    expect(variable.value('1000')).toEqual({ scale: 0, value: 'A+g=' })
    expect(variable.value('0.000')).toEqual({ scale: 0, value: 'AA==' })
    expect(variable.value('-0.5')).toEqual({ scale: 1, value: '+w==' })
  })
  test('what bytes cannot hold is an error, or null where that is asked for', () => {
    for (const special of ['NaN', 'Infinity', '-Infinity'])
      expect(() => precise.value(special)).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE', kind: 'data' }))
    expect(formed(decimal(null, null), { properties: { 'event.converting.failure.handling.mode': 'warn' } }).value('NaN')).toBe(null)
  })
  test.each<[string, [string, unknown][]]>([
    [
      'double',
      [
        ['1.5', 1.5],
        ['NaN', 'NaN'],
        ['-Infinity', '-Infinity'],
      ],
    ],
    [
      'string',
      [
        ['1.50', '1.50'],
        ['NaN', 'NAN'],
        ['-Infinity', 'NEGATIVE_INFINITY'],
      ],
    ],
  ])('as %s', (mode, cases) => {
    const loose = formed(decimal(4, 2), { properties: { 'decimal.handling.mode': mode } })
    for (const [from, to] of cases) expect(loose.value(from)).toBe(to)
  })
  test('money has the digits that are asked for', () => {
    const money = (properties: Record<string, string>) => formed(decimal(19, 2), { sourceType: 'money', properties })
    expect(money({}).schema).toMatchObject({ parameters: { scale: '2' } })
    expect(money({}).value('-12.35')).toBe('+y0=')
    expect(money({ 'money.fraction.digits': '4' }).value('1.23')).toBe('MAw=')
    expect(money({ 'money.fraction.digits': '1' }).value('-1.25')).toBe('8w==')
    expect(money({ 'money.fraction.digits': '0' }).value('1.50')).toBe('Ag==')
    expect(money({ 'decimal.handling.mode': 'string' }).value('1.23')).toBe('1.23')
  })
})

test('floats that no JSON number shows are text; minus zero keeps its sign', () => {
  const double = formed({ kind: 'float64' })
  expect([NaN, Infinity, -Infinity, 1e300].map(double.value)).toEqual(['NaN', 'Infinity', '-Infinity', 1e300])
  expect(double.form?.text(-0)).toBe('-0.0')
})

test('text is escaped, and large integers keep their digits', () => {
  expect(formed(text('text')).value('a "b"\n\u0001 🚀')).toBe('a "b"\n\u0001 🚀')
  expect(formed({ kind: 'int64' }).form?.text(9223372036854775807n)).toBe('9223372036854775807')
})

test.each([
  ['bytes', '+/8='],
  ['base64', '+/8='],
  ['base64-url-safe', '-_8='],
  ['hex', 'fbff'],
])('bytes by %s', (mode, shown) => {
  expect(formed({ kind: 'bytes' }, { properties: { 'binary.handling.mode': mode } }).value(Uint8Array.of(0xfb, 0xff))).toBe(shown)
})

test('one bit is a boolean; more are bytes from the lowest on', () => {
  expect(['0', '1'].map(formed({ kind: 'bits' }, { modifier: 1 }).value)).toEqual([false, true])
  const bits = formed({ kind: 'bits' }, { modifier: 10 })
  expect(bits.schema?.parameters).toEqual({ length: '10' })
  expect(['0000000000', '1111111111', '1010101010'].map(bits.value)).toEqual(['', '/wM=', 'qgI='])
})

describe('times', () => {
  const by = (mode: string, modifier = -1): Formed => ({ properties: { 'time.precision.mode': mode }, modifier })
  test.each<[string, LogicalType, Formed, [Value, unknown][]]>([
    ['date', { kind: 'date' }, by('adaptive'), [['2026-11-20', 20777], ['0000-12-31', -719163], ['infinity', 2147483647], ['-infinity', -2147483648]]],
    ['date', { kind: 'date' }, by('isostring'), [['2026-11-20', '2026-11-20Z'], ['-0043-03-15', '-0043-03-15Z'], ['infinity', 'infinity']]],
    ['time', { kind: 'time' }, by('adaptive'), [['01:02:03.5', 3723500000], ['24:00:00', 86400000000]]],
    ['time', { kind: 'time' }, by('adaptive', 3), [['01:02:03.457', 3723457]]],
    ['time', { kind: 'time' }, by('adaptive_time_microseconds', 3), [['01:02:03.457', 3723457000]]],
    ['time', { kind: 'time' }, by('connect'), [['01:02:03.4579', 3723457]]],
    ['time', { kind: 'time' }, by('nanoseconds'), [['00:00:00', 0], ['01:02:03.5', 3723500000000]]],
    ['time', { kind: 'time' }, by('isostring'), [['24:00:00', '24:00:00Z'], ['01:02:03.000001', '01:02:03.000001Z']]],
    ['timestamp', { kind: 'timestamp' }, by('adaptive'), [['2026-11-20T01:02:03.5', 1795136523500000], ['infinity', 9223372036825200000], ['-infinity', -9223372036832400000]]],
    ['timestamp', { kind: 'timestamp' }, by('adaptive'), [['-0043-03-15T00:00:00', -63517824000000000]]],
    ['timestamp', { kind: 'timestamp' }, by('adaptive', 3), [['2026-11-20T01:02:03.004', 1795136523004], ['1969-12-31T23:59:59.999', -1], ['infinity', 9223372036825200]]],
    ['timestamp', { kind: 'timestamp' }, by('connect'), [['1969-12-31T23:59:59.9991', -1], ['-0043-03-15T00:00:00', -63517824000000]]],
    ['timestamp', { kind: 'timestamp' }, by('microseconds', 0), [['2026-11-20T01:02:03', 1795136523000000]]],
    ['timestamp', { kind: 'timestamp' }, by('isostring'), [['2026-11-20T01:02:03', '2026-11-20T01:02:03Z'], ['infinity', 'infinity']]],
    ['timestamptz', { kind: 'timestamptz' }, by('adaptive'), [['2026-11-20T01:02:03Z', '2026-11-20T01:02:03.000000Z'], ['2026-11-20T01:02:03.5Z', '2026-11-20T01:02:03.500000Z'], ['-4713-11-24T00:00:00Z', '-4713-11-24T00:00:00.000000Z'], ['-infinity', '-infinity']]],
    ['timestamptz', { kind: 'timestamptz' }, by('adaptive', 3), [['2026-11-19T20:02:03.004Z', '2026-11-19T20:02:03.004Z'], ['2026-11-19T20:02:03Z', '2026-11-19T20:02:03.000Z']]],
    ['timestamptz', { kind: 'timestamptz' }, by('adaptive', 0), [['2026-11-19T20:02:03Z', '2026-11-19T20:02:03Z']]],
    ['timetz', { kind: 'timetz' }, by('adaptive'), [['01:02:03.5+05:30', '19:32:03.5Z'], ['23:59:59.999999-15:59', '15:58:59.999999Z'], ['24:00:00+00:00', '24:00:00Z'], ['01:02:03+00:00:30', '01:01:33Z']]],
  ])('%s', (_, type, how, cases) => {
    for (const [from, to] of cases) expect(formed(type, how).value(from)).toBe(to)
  }) // prettier-ignore

  test('microseconds past 2^53 keep every digit, and none is told that 64 bits do not hold', () => {
    const micros = formed({ kind: 'timestamp' }).form
    expect(micros?.text('9999-12-31T23:59:59.999999')).toBe('253402300799999999')
    expect(micros?.text('2285-12-31T10:11:12.131415')).toBe('9971979072131415')
    expect(formed({ kind: 'timestamp' }, by('connect')).form?.text('9999-12-31T23:59:59.999999')).toBe('253402300799999')
    expect(() => micros?.text('+294276-12-31T23:59:59.999999')).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' }))
  })

  test('nanoseconds hold the years 1677 to 2262', () => {
    const nanos = formed({ kind: 'timestamp' }, by('nanoseconds')).form
    expect(nanos?.text('2026-11-20T01:02:03.5')).toBe('1795136523500000000')
    expect(nanos?.text('infinity')).toBe('9223372036854775807')
    expect(() => nanos?.text('2500-01-01T00:00:00')).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' }))
  })

  test.each([
    ['P1Y2M3DT4H5M6.789S', '37091106789000', 'P1Y2M3DT4H5M6.789S'],
    ['PT0S', '0', 'P0Y0M0DT0H0M0S'],
    ['PT-0.5S', '-500000', 'P0Y0M0DT0H0M-0.5S'],
    ['P-1Y-2M3DT-4H-5M-6.7S', '-36572706700000', 'P-1Y-2M3DT-4H-5M-6.7S'],
    ['infinity', '9223372036854775807', 'infinity'],
    ['-infinity', '-9223372036854775808', '-infinity'],
  ])('the interval %s', (interval, micros, shown) => {
    expect(formed({ kind: 'interval' }).form?.text(interval)).toBe(micros)
    expect(formed({ kind: 'interval' }, { properties: { 'interval.handling.mode': 'string' } }).value(interval)).toBe(shown)
  })
})

test('hstore is JSON in a text, or a map', () => {
  expect(formed({ kind: 'map' }).value({ a: '1', b: null })).toBe('{"a":"1","b":null}')
  const map = formed({ kind: 'map' }, { properties: { 'hstore.handling.mode': 'map' } })
  expect(map.value({ a: '1', b: null })).toEqual({ a: '1', b: null })
  expect(map.schema).toMatchObject({ type: 'map', keys: { optional: false }, values: { optional: true } })
})

test('arrays keep nulls and further dimensions', () => {
  const list = formed({ kind: 'array', of: { kind: 'int32' } }, { properties: { 'schemas.enable': 'false' } })
  expect(list.value([1, null])).toEqual([1, null])
  expect(list.value([[1, 2], [3, null]])).toEqual([[1, 2], [3, null]]) // prettier-ignore
  expect(list.value(withLowerBounds([1, 2], [0]))).toEqual([1, 2])
  expect(list.schema?.items).toEqual({ type: 'int32', optional: true })
})

test('no schema says that an array has further dimensions: where there is one, inner arrays are errors, or null', () => {
  const ints: LogicalType = { kind: 'array', of: { kind: 'int32' } }
  expect(formed(ints).value([1, null])).toEqual([1, null])
  expect(() => formed(ints).value([[1], [2]])).toThrow(expect.objectContaining({ code: 'FORMAT_VALUE' }))
  const lenient = { 'event.converting.failure.handling.mode': 'warn', 'value.converter.schemas.enable': 'true', 'schemas.enable': 'false' }
  expect(formed(ints, { properties: lenient }).value([[1], [2]])).toEqual([null, null])
})

test.each<LogicalType>([text('name'), text('xml'), { kind: 'interval' }, { kind: 'unknown', name: 'point' }])(
  'arrays of %j are left out',
  (of) => expect(formed({ kind: 'array', of }).form).toBe(null),
)

test('arrays of bits are lists of them, but for those of varying length; money has none', () => {
  const bits: LogicalType = { kind: 'array', of: { kind: 'bits' } }
  expect(formed(bits, { modifier: 1, sourceType: 'bit(1)[]' }).value(['1', null])).toEqual([true, null])
  expect(formed(bits, { modifier: 4, sourceType: 'bit(4)[]' }).value(['1010'])).toEqual(['Cg=='])
  expect(formed(bits, { sourceType: 'bit varying[]' }).form).toBe(null)
  expect(formed({ kind: 'array', of: decimal(19, 2) }, { sourceType: 'money[]' }).form).toBe(null)
})

test('the catalogue’s own vectors are lists', () => {
  expect(formed({ kind: 'unknown', name: 'int2vector' }).value('1 2 3')).toEqual([1, 2, 3])
  expect(formed({ kind: 'unknown', name: 'oidvector' }).value('')).toEqual([])
})

test.each<[Value, string]>([
  [{ a: null, b: '', c: [['x', 'y z']] }, '(,"","{{x,""y z""}}")'],
  [{ a: 1, b: 'say "so"\\', c: ['null', '', '{', null] }, '(1,"say ""so""\\\\","{""null"","""",""{"",NULL}")'],
])('a composite is printed as the server prints it: %j', (value, shown) => {
  const fields = [
    { name: 'a', type: { kind: 'int32' as const } },
    { name: 'b', type: text('text') },
    { name: 'c', type: { kind: 'array' as const, of: text('text') } },
  ]
  const properties = { 'include.unknown.datatypes': 'true', 'binary.handling.mode': 'hex' }
  const hex = formed({ kind: 'composite', name: 'c', fields }, { properties }).value(value) as string // hexadecimal digits
  expect(Buffer.from(hex, 'hex').toString()).toBe(shown)
})

test('a column of a domain is as precise as what the domain is made of', () => {
  const options = z.strictObject(debeziumOptions).parse({})
  const misfit = createMisfit({ table: 'public.t', column: 'c' }, true)
  const column = sampleColumn('c', { kind: 'timestamp' }, { sourceType: 'moment', baseModifier: 3 })
  expect(columnForm(column, options, misfit)?.schema.name).toBe('io.debezium.time.Timestamp')
})

test('points, geometries and vectors', () => {
  const shown = (name: string, value: string) => formed({ kind: 'unknown', name }).value(value)
  expect(shown('point', '(0.1,-0)')).toEqual({ x: 0.1, y: -0, wkb: 'AQEAAACamZmZmZm5PwAAAAAAAACA', srid: null })
  const ewkb = '0101000020E6100000000000000000F03F0000000000000040'
  expect(shown('geometry', ewkb)).toEqual({ wkb: Buffer.from(ewkb, 'hex').toString('base64'), srid: 4326 })
  expect(shown('geography', '0101000000000000000000F03F0000000000000040')).toMatchObject({ srid: null })
  expect(shown('vector', '[1,2.5]')).toEqual([1, 2.5])
  expect(shown('sparsevec', '{1:0.5,3:2}/5')).toEqual({ dimensions: 5, vector: [[1, 0.5], [3, 2]] }) // prettier-ignore
})

test('every kind of column has a form, or is one that Debezium leaves out', () => {
  const left = everyKindTable().columns.filter(({ type }) => formed(type).form === null)
  expect(left.map(({ type }) => type.kind)).toEqual(['composite', 'unknown'])
})
