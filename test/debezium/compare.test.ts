import { expect, test } from 'vitest'
import { compareRecords, describe as told, explain, parseRecord } from './compare.ts'

const record = (key: string, value: string | null, headers = {}) => parseRecord({ topic: 't', key, value, headers })
const insert = (id: number, more = '') => record(`{"id":${id}}`, `{"op":"c","source":{"txId":7},"after":{"id":${id}${more}}}`)
const paths = (debezium: ReturnType<typeof insert>[], ours: ReturnType<typeof insert>[]) =>
  compareRecords(debezium, ours).map(({ path }) => path)

test('records that say the same are no difference, however their numbers are written', () => {
  expect(paths([insert(1, ',"v":1.0E20')], [insert(1, ',"v":100000000000000000000')])).toEqual([])
})

test('a value, a missing field and another order of fields are told at their path', () => {
  expect(paths([insert(1, ',"v":9007199254740993')], [insert(1, ',"v":9007199254740992')])).toEqual(['value.after.v'])
  expect(paths([insert(1, ',"v":null')], [insert(1)])).toEqual(['value.after.v'])
  expect(paths([insert(1, ',"a":1,"b":2')], [insert(1, ',"b":2,"a":1')])).toEqual(['value.after.order'])
})

test('a header that is missing is told, and one that is another', () => {
  expect(paths([record('1', null, { a: 'x', b: 'y' })], [record('1', null, { a: 'z' })])).toEqual(['headers.a', 'headers.b'])
})

test('a record that one of them has not, and records in another order, are told', () => {
  expect(paths([insert(1), insert(2)], [insert(1)])).toEqual([''])
  expect(paths([insert(1)], [insert(1), insert(1)])).toEqual([''])
  expect(paths([insert(1), insert(2)], [insert(2), insert(1)])).toEqual(['order'])
})

test('fields of a schema are compared by their names', () => {
  const withSchema = (fields: string) => record('1', `{"schema":{"fields":[${fields}]},"payload":{"op":"c"}}`)
  expect(
    paths([withSchema('{"field":"a","type":"int32"},{"field":"b"}')], [withSchema('{"type":"int64","field":"a"},{"field":"b"}')]),
  ).toEqual(['value.schema.fields.a.type'])
  expect(paths([withSchema('{"field":"a"},{"field":"b"}')], [withSchema('{"field":"b"},{"field":"a"}')])).toEqual([
    'value.schema.fields.order',
  ])
})

test('a known difference explains what it names only, and is told where it explains nothing', () => {
  const differences = compareRecords([insert(1, ',"v":1,"w":1')], [insert(1, ',"v":2,"w":2')])
  const { unexplained, unused } = explain(differences, [
    { why: 'v is wrong', path: /\.v$/ },
    { why: 'of another topic', topic: /other/ },
  ])
  expect(unexplained.map(told)).toEqual(['t value.after.w: Debezium 1, ours 2'])
  expect(unused).toEqual(['of another topic'])
})
