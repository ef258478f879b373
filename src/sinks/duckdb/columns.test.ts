import { expect, test } from 'vitest'
import type { Vector } from '../../contracts/batch.ts'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { makeTable, openTestSink, readAll, rows, signal, temporaryFolder } from './sink.fixture.ts'

const ROWS = 5000

/** Every ninth value is missing. */
const isMissing = (index: number) => index % 9 === 4
const bitmap = Uint8Array.from({ length: Math.ceil(ROWS / 8) }, (_, byte) =>
  [0, 1, 2, 3, 4, 5, 6, 7].reduce((bits, bit) => bits | (isMissing(byte * 8 + bit) ? 0 : 1 << bit), 0),
)

function varlen(valueOf: (index: number) => Uint8Array): Vector {
  const offsets = new Int32Array(ROWS + 1)
  const parts = Array.from({ length: ROWS }, (_, i) => (isMissing(i) ? new Uint8Array() : valueOf(i)))
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] ?? 0) + part.length))
  return { form: 'varlen', offsets, data: Buffer.concat(parts), valid: bitmap }
}

const text = (valueOf: (index: number) => string) => varlen((i) => Buffer.from(valueOf(i)))
const word = (i: number) => `${i} ä`.repeat(i % 5)
const uuidOf = (i: number) => `${String(i % 10).repeat(8)}-1234-5678-9abc-${i.toString(16).padStart(12, 'f')}`
const INT_MIN = -2147483648
const LONG_MIN = -9223372036854775808n
const LONG_MAX = 9223372036854775807n

const KINDS: [LogicalType, Vector, (index: number) => Value][] = [
  [{ kind: 'boolean' }, { form: 'fixed', values: Uint8Array.from({ length: ROWS }, (_, i) => i % 2), valid: bitmap }, (i) => i % 2 === 1],
  [{ kind: 'int16' }, { form: 'fixed', values: Int16Array.from({ length: ROWS }, (_, i) => i - 99), valid: bitmap }, (i) => i - 99],
  [{ kind: 'float32' }, { form: 'fixed', values: Float32Array.from({ length: ROWS }, (_, i) => i / 10), valid: bitmap }, (i) => i / 10],
  [
    { kind: 'int64' },
    { form: 'fixed', values: BigInt64Array.from({ length: ROWS }, (_, i) => LONG_MIN + BigInt(i)), valid: bitmap },
    (i) => LONG_MIN + BigInt(i),
  ],
  [
    { kind: 'date' },
    { form: 'fixed', values: Int32Array.from({ length: ROWS }, (_, i) => [0, INT_MIN, 2147483647][i % 3] ?? 0), valid: bitmap },
    (i) => ['1970-01-01', '-infinity', 'infinity'][i % 3] ?? '',
  ],
  [
    { kind: 'time' },
    { form: 'fixed', values: BigInt64Array.from({ length: ROWS }, () => 86_400_000_000n), valid: bitmap },
    () => '24:00:00',
  ],
  [
    { kind: 'timestamptz' },
    { form: 'fixed', values: BigInt64Array.from({ length: ROWS }, (_, i) => [500_000n, LONG_MIN, LONG_MAX][i % 3] ?? 0n), valid: bitmap },
    (i) => ['1970-01-01T00:00:00.5Z', '-infinity', 'infinity'][i % 3] ?? '',
  ],
  [
    { kind: 'uuid' },
    {
      form: 'uuid',
      data: Buffer.concat(Array.from({ length: ROWS }, (_, i) => Buffer.from(uuidOf(i).replaceAll('-', ''), 'hex'))),
      valid: bitmap,
    },
    uuidOf,
  ],
  [{ kind: 'text', name: 'text' }, text(word), word],
  [{ kind: 'json', binary: true }, text((i) => `{"k": ${i}}`), (i) => `{"k": ${i}}`],
  [{ kind: 'decimal', precision: 12, scale: 3 }, text((i) => `${i - 50}.250`), (i) => `${i - 50}.250`],
  [{ kind: 'decimal', precision: null, scale: null }, text((i) => `${i}.1`), (i) => `${i}.1`],
  [{ kind: 'bytes' }, varlen((i) => new Uint8Array(i % 40).fill(i)), (i) => new Uint8Array(i % 40).fill(i)],
  [{ kind: 'interval' }, text((i) => `P${i}D`), (i) => `P${i}D`],
]

test.each(KINDS)('a column of %o is taken as it is', async (type, vector, valueOf) => {
  using folder = temporaryFolder()
  await using sink = openTestSink(folder.path)
  const table = makeTable([
    ['id', { kind: 'int32' }],
    ['v', type],
  ])
  const ids: Vector = { form: 'fixed', values: Int32Array.from({ length: ROWS }, (_, i) => i), valid: null }
  const expected = Array.from({ length: ROWS }, (_, i): Row => [i, isMissing(i) ? null : valueOf(i)])
  await sink.write(rows(1, table, { rows: expected, columns: { rowCount: ROWS, vectors: [ids, vector] } }), signal)
  expect((await readAll(sink, table)).sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(expected)
})
