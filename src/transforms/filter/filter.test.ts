import { describe, expect, test } from 'vitest'
import type { Change } from '../../contracts/change.ts'
import { UNCHANGED, type LogicalType, type Row, type Table } from '../../contracts/table.ts'
import type { Transform } from '../../contracts/transform.ts'
import { imageOf } from '../../testing/imaged-changes.ts'
import { deleteOf, insertOf, sampleColumn, sampleTable, transactionOf, truncateOf, updateOf, type Act } from '../../testing/fixtures.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

const U: typeof UNCHANGED = UNCHANGED
const orders = (identity: Table['identity'] = 'key') =>
  sampleTable(
    'orders',
    [
      sampleColumn('id', { kind: 'int32' }, { id: 1, nullable: false }),
      sampleColumn('status', { kind: 'text', name: 'text' }, { id: 2 }),
      sampleColumn('note', { kind: 'text', name: 'text' }, { id: 3 }),
    ],
    { identity },
  )

const filterOf = (given: object): Transform =>
  definition.create(config.parse(given), { name: 'transforms[0] (filter)', baseDir: '/' }) as Transform // it is not asynchronous
const open = { where: { status: { eq: 'open' } } }

function through(act: Act, given: object = open): Change | null | readonly Change[] {
  const [change] = transactionOf(1, [act])
  if (change === undefined || change.op === 'message') throw new TypeError('one act is one change')
  return filterOf(given).table(change.table)?.change(change) ?? null
}
const outcome = (act: Act, given: object = open) => {
  const made = through(act, given)
  if (made === null || Array.isArray(made)) return null
  const { op, before, after, oldKey, mayBeNew } = made as Change & { before?: Row; after?: Row; oldKey?: Row; mayBeNew?: true } // one change
  return { op, before, after, oldKey, ...(mayBeNew ? { mayBeNew } : {}) }
}

describe('an update, by what is known of its old row', () => {
  const [full, key] = [orders('full'), orders('key')]
  const before = (status: string): Row => [1, status, 'n']
  test('of a row that matches and did before passes as it is', () => {
    const act = updateOf(full, [1, 'open', 'm'], { before: before('open') })
    expect(outcome(act)).toEqual({ op: 'update', before: before('open'), after: [1, 'open', 'm'], oldKey: null })
  })
  test('that moves a row in becomes an insert where the old row is known', () => {
    expect(outcome(updateOf(full, [1, 'open', U], { before: before('paid') }))).toEqual({
      op: 'insert',
      before: null,
      after: [1, 'open', 'n'],
      oldKey: null,
    })
  })
  test('that moves a row out becomes a delete, of the old row as far as it is known', () => {
    expect(outcome(updateOf(full, [1, 'paid', 'm'], { before: before('open') }))).toEqual({
      op: 'delete',
      before: before('open'),
      after: null,
      oldKey: null,
    })
    expect(outcome(updateOf(key, [1, 'paid', 'm']))).toEqual({ op: 'delete', before: [1, U, U], after: null, oldKey: null })
    const moved = updateOf(key, [2, 'paid', 'm'], { oldKey: [1, U, U], before: [1, U, U] })
    expect(outcome(moved)).toEqual({ op: 'delete', before: [1, U, U], after: null, oldKey: null })
  })
  test('of a row that never matched is nothing', () => {
    expect(outcome(updateOf(full, [1, 'paid', 'm'], { before: before('sent') }))).toBeNull()
  })
  test('of which the old row is not known passes, and says so where a value was not sent', () => {
    expect(outcome(updateOf(key, [1, 'open', 'm']))).toEqual({ op: 'update', before: null, after: [1, 'open', 'm'], oldKey: null })
    expect(outcome(updateOf(key, [1, 'open', U]))).toEqual({
      op: 'update',
      before: null,
      after: [1, 'open', U],
      oldKey: null,
      mayBeNew: true,
    })
  })
  test('that does not send what decides takes the row away, for it is read again', () => {
    expect(outcome(updateOf(key, [1, U, 'm']))).toEqual({ op: 'delete', before: [1, U, U], after: null, oldKey: null })
    expect(filterOf(open).table(key)?.selects).toBe(true)
  })
  test('of a key that decides is judged by the old key', () => {
    const byId = { where: { id: { ge: 10 } } }
    expect(outcome(updateOf(key, [12, 'x', U]), byId)).toEqual({ op: 'update', before: null, after: [12, 'x', U], oldKey: null })
    expect(outcome(updateOf(key, [12, 'x', U], { oldKey: [11, U, U], before: [11, U, U] }), byId)).toMatchObject({ op: 'update' })
    expect(outcome(updateOf(key, [2, 'x', 'y'], { oldKey: [1, U, U], before: [1, U, U] }), byId)).toBeNull()
    expect(outcome(updateOf(key, [12, 'x', 'y'], { oldKey: [1, U, U], before: [1, U, U] }), byId)).toMatchObject({ op: 'insert' })
  })
  test('is judged by its image, and keeps it', () => {
    const image = imageOf(key, [1, 'open', 'm'])
    const act = {
      op: 'update' as const,
      table: key,
      before: null,
      oldKey: null,
      image,
      get after(): Row {
        throw new Error('decoded')
      },
    }
    const [change] = [{ ...Object.getOwnPropertyDescriptors(act) }].map((members) =>
      Object.defineProperties({ ordinal: 0, tx: transactionOf(1, [insertOf(key, [])])[0]!.tx }, members),
    )
    expect(
      filterOf(open)
        .table(key)
        ?.change(change as never),
    ).toBe(change)
  })
})

test('inserts, deletes and copied rows pass where they match; a delete also where nobody knows', () => {
  const table = orders()
  expect(outcome(insertOf(table, [1, 'open', null]))).toMatchObject({ op: 'insert' })
  expect(outcome(insertOf(table, [1, 'paid', null]))).toBeNull()
  expect(outcome(insertOf(table, [1, U, null]))).toBeNull()
  expect(outcome(deleteOf(table, [1, U, U]))).toMatchObject({ op: 'delete' })
  expect(outcome(deleteOf(orders('full'), [1, 'paid', null]))).toBeNull()
  expect(outcome(truncateOf(table))).toMatchObject({ op: 'truncate' })
  const rows: Row[] = [
    [1, 'open', null],
    [2, 'paid', null],
    [3, null, null],
  ]
  expect(filterOf(open).table(table)?.rows(rows, { position: '', chunk: '' })).toEqual([rows[0]])
})

test('operations are those of the source: a row that leaves is deleted all the same', () => {
  const given = { operations: ['read', 'insert', 'update'], ...open }
  const table = orders()
  expect(outcome(deleteOf(table, [1, U, U]), given)).toBeNull()
  expect(outcome(truncateOf(table), given)).toBeNull()
  expect(outcome(updateOf(table, [1, 'paid', 'm']), given)).toMatchObject({ op: 'delete' })
})

const KINDS: readonly [LogicalType, object, Row, Row][] = [
  [{ kind: 'boolean' }, { eq: true }, [true], [false, null]],
  [{ kind: 'int16' }, { gt: 5 }, [6, 100], [5, -7, null]],
  [{ kind: 'int64' }, { ge: '9007199254740993' }, [9007199254740993n], [9007199254740992n]],
  [{ kind: 'int64' }, { in: [1, '2'] }, [1n, 2n], [3n, null]],
  [{ kind: 'float64' }, { le: 1.5 }, [1.5, -0, -Infinity], [1.6, Number.NaN]],
  [{ kind: 'float64' }, { eq: 'NaN' }, [Number.NaN], [0, null]],
  [{ kind: 'decimal', precision: null, scale: null }, { eq: '1.5' }, ['1.5', '1.500'], ['1.51', 'NaN']],
  [{ kind: 'decimal', precision: 10, scale: 2 }, { lt: -3.1 }, ['-3.11', '-100.00', '-Infinity'], ['-3.10', '3.20', 'NaN']],
  [{ kind: 'text', name: 'text' }, { ne: 'a' }, ['b', ''], ['a', null]],
  [{ kind: 'text', name: 'text' }, { gt: '\uffee' }, ['\u{1f680}'], ['\uffed', 'z']],
  [{ kind: 'text', name: 'text' }, { like: 'A%_.\\%' }, ['Ab.%', 'A\nb.%'], ['A.%', 'Abx%', 'ab.%', null]],
  [{ kind: 'text', name: 'mood', labels: ['sad', 'ok', 'glad'] }, { ge: 'ok' }, ['ok', 'glad'], ['sad']],
  [
    { kind: 'uuid' },
    { eq: '0190163D-8694-739B-AEA5-966C26F8AD91' },
    ['0190163d-8694-739b-aea5-966c26f8ad91'],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ],
  [{ kind: 'date' }, { lt: '2026-01-01' }, ['2025-12-31', '-0043-03-15', '-infinity'], ['2026-01-01', '+12026-01-01', 'infinity']],
  [{ kind: 'time' }, { ge: '01:02:03.5' }, ['01:02:03.5', '24:00:00'], ['01:02:03.499999']],
  [{ kind: 'timestamp' }, { gt: '2026-01-01T00:00:00' }, ['2026-01-01T00:00:00.000001', 'infinity'], ['2026-01-01T00:00:00']],
  [{ kind: 'timestamptz' }, { le: '2026-01-01T00:00:00Z' }, ['2026-01-01T00:00:00Z'], ['2026-01-01T00:00:00.1Z']],
  [{ kind: 'interval' }, { eq: 'P1D' }, ['P1D'], ['PT24H', null]],
  [{ kind: 'json', binary: true }, { isNull: false }, ['null', '{}'], [null]],
  [{ kind: 'array', of: { kind: 'int32' } }, { isNull: true }, [null], [[1]]],
]

test.each(KINDS)('$kind: %j', (type, condition, matching, others) => {
  const table = sampleTable('t', [sampleColumn('id', { kind: 'int32' }), sampleColumn('v', type, { id: 2 })])
  const step = filterOf({ where: { v: condition } }).table(table)
  const keeps = (value: Row[number]) => step?.rows([[1, value]], { position: '', chunk: '' }).length === 1
  expect(matching.map(keeps)).toEqual(matching.map(() => true))
  expect(others.map(keeps)).toEqual(others.map(() => false))
})

test.each([
  [{ where: { stattus: { eq: 'x' } }, tables: ['public.orders'] }, 'TRANSFORM_COLUMN_MISSING'],
  [{ where: { id: { eq: 'uno' } } }, 'TRANSFORM_COLUMN_TYPE'],
  [{ where: { id: { eq: 2 ** 40 } } }, 'TRANSFORM_COLUMN_TYPE'],
  [{ where: { id: { like: '1%' } } }, 'TRANSFORM_COLUMN_TYPE'],
  [{ where: { status: { eq: 5 } } }, 'TRANSFORM_COLUMN_TYPE'],
])('%j is refused, without the value', (given, code) => {
  expect(() => filterOf(given).table(orders())).toThrow(expect.objectContaining({ code, message: expect.not.stringContaining('uno') }))
})

test('what is named must be there at the start', () => {
  const check = (given: object) => () => filterOf(given).check?.([orders()])
  expect(check({ ...open, tables: ['public.order'] })).toThrow(expect.objectContaining({ code: 'TRANSFORM_TABLE_MISSING' }))
  expect(check({ where: { stattus: { isNull: true } } })).toThrow(expect.objectContaining({ code: 'TRANSFORM_COLUMN_MISSING' }))
  expect(check({ ...open, tables: ['other.*'] })).not.toThrow()
  expect(check(open)).not.toThrow()
})

test('a table that the patterns leave out is not touched', () => {
  expect(filterOf({ ...open, tables: ['*.*', '!public.orders'] }).table(orders())).toBeNull()
})
