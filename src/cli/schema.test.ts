import { expect, test } from 'vitest'
import type { Column, LogicalType, Table } from '../contracts/table.ts'
import { avroSchema } from './schema-avro.ts'
import { jsonSchema } from './schema-json.ts'

const column = (name: string, type: LogicalType, nullable = true): Column => ({
  name,
  id: 1,
  type,
  sourceType: 'words',
  typeOid: 0,
  typeModifier: -1,
  nullable,
})
const table = (...columns: Column[]): Table => ({
  schema: 'public',
  name: 'odd-name',
  id: 1,
  version: '',
  columns,
  key: [],
  identity: 'key',
})
const address: LogicalType = { kind: 'composite', name: 'address', fields: [{ name: 'zip', type: { kind: 'int32' } }] }

test('Avro: names that it allows, unions for what may be NULL, each record written out once', () => {
  const schema = avroSchema(
    table(
      column('id', { kind: 'int64' }, false),
      column('2nd', { kind: 'decimal', precision: 10, scale: 2 }),
      column('bare', { kind: 'decimal', precision: null, scale: null }),
      column('below', { kind: 'decimal', precision: 4, scale: -2 }),
      column('home', address),
      column('work', address),
      column('at', { kind: 'timestamp' }),
    ),
  )
  expect(schema).toEqual({
    type: 'record',
    name: 'odd_name',
    namespace: 'public',
    doc: 'public.odd-name',
    fields: [
      { name: 'id', doc: 'words', type: 'long' },
      {
        name: '_2nd',
        doc: '2nd: words',
        type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 }],
        default: null,
      },
      { name: 'bare', doc: 'words', type: ['null', 'string'], default: null },
      { name: 'below', doc: 'words', type: ['null', 'string'], default: null },
      {
        name: 'home',
        doc: 'words',
        type: ['null', { type: 'record', name: 'address', fields: [{ name: 'zip', type: ['null', 'int'], default: null }] }],
        default: null,
      },
      { name: 'work', doc: 'words', type: ['null', 'address'], default: null },
      { name: 'at', doc: 'words', type: ['null', { type: 'long', logicalType: 'local-timestamp-micros' }], default: null },
    ],
  })
})

test('JSON: the forms of the native format', () => {
  const schema = jsonSchema(
    table(
      column('id', { kind: 'int16' }, false),
      column('mood', { kind: 'text', name: 'mood', labels: ['sad', 'ok'] }),
      column('ratio', { kind: 'float64' }, false),
      column('tags', { kind: 'array', of: { kind: 'text', name: 'text' } }),
      column('doc', { kind: 'json', binary: true }),
      column('home', address),
    ),
  )
  expect(schema).toMatchObject({
    title: 'public.odd-name',
    properties: {
      id: { type: 'integer', minimum: -32768, maximum: 32767 },
      mood: { anyOf: [{ enum: ['sad', 'ok'] }, { type: 'null' }] },
      ratio: { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] },
      tags: { type: ['array', 'null'], items: { type: ['string', 'null'] } },
      doc: { description: 'words' },
      home: { type: ['object', 'null'], properties: { zip: { type: ['integer', 'null'] } } },
    },
    required: ['id', 'ratio'],
  })
})
