/** What the formats say of a real database: copied, followed, stopped, altered and followed again; the lines as a consumer finds them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { CloudEvent } from 'cloudevents'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

const CONFIGURATION = `
name: formats
source: { type: postgres, url: "\${env:FORMATS_URL}" }
sinks:
  - { type: file, name: native, path: ./native }
  - { type: file, name: modification, path: ./modification, format: modification }
  - { type: file, name: fields-values, path: ./fields-values, format: fields-values }
  - { type: file, name: cloudevents, path: ./cloudevents, format: cloudevents }
  - { type: file, name: binary, path: ./binary, format: { type: cloudevents, mode: binary } }
`
const SINKS = ['native', 'modification', 'fields-values', 'cloudevents', 'binary'] as const

const ROW = `ARRAY[1, NULL, 3], ARRAY['a,b', '{"q"}', NULL], 'it''s "q" \\', 12345678901234567890.12, '{"b": [1,  null]}', '{"k": 1}',
  '2026-11-20 01:02:03.5+05', interval '1 mon 2 days -3 seconds', '\\x00ff', NULL, 'NaN', array_to_string(ARRAY(SELECT md5(n::text) FROM generate_series(1, 400) n), '')`

let server: PostgresServer
let database: string
let cwd: string
const sql = (text: string) => server.query(text, [], database)
const run = async () => {
  const options = { cwd, env: { FORMATS_URL: server.url(database) } }
  const { code, stderr } = await millrace(['run', '-c', 'formats.yaml', '--until', 'caught-up'], options)
  expect(code, stderr).toBe(0)
}

type Line = Record<string, unknown>
const textsIn = (sink: (typeof SINKS)[number], table = 'public.every') => {
  const folder = join(cwd, sink, table)
  const files = existsSync(folder) ? readdirSync(folder).sort() : []
  return files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1))
}
const linesIn = (sink: (typeof SINKS)[number], table?: string) => textsIn(sink, table).map((line) => JSON.parse(line) as Line)

beforeAll(async () => {
  server = await startPostgres(testedMajors().at(-1))
  database = await server.createDatabase('formats')
  cwd = folderWith({ 'formats.yaml': CONFIGURATION })
  await sql(`CREATE TABLE every (id int PRIMARY KEY, numbers int[], words text[], quoted text, amount numeric, doc json, docb jsonb,
    seen timestamptz, span interval, bytes bytea, nothing text, odd float8, large text);
    ALTER TABLE every ALTER large SET STORAGE EXTERNAL;
    CREATE TABLE plain (id int PRIMARY KEY, name text);
    INSERT INTO every VALUES (1, ${ROW}); INSERT INTO plain VALUES (1, 'one')`)
  await run()
  await sql(`INSERT INTO every VALUES (2, ${ROW})`)
  await sql(`UPDATE every SET quoted = 'new' WHERE id = 2; UPDATE every SET id = 3 WHERE id = 2; DELETE FROM every WHERE id = 3`)
  await sql(`SELECT pg_logical_emit_message(true, 'app', 'hello')`)
  await run()
  await sql(`INSERT INTO plain VALUES (2, 'two'); ALTER TABLE plain ADD COLUMN city text; INSERT INTO plain VALUES (3, 'three', 'Rome')`)
  await sql('TRUNCATE every')
  await run()
}, 180_000)
afterAll(async () => server.stop())

test('every line of native is valid to the schema that is published', () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/reference/native.schema.json'), 'utf8')) as object
  const validate = new Ajv2020({ allowUnionTypes: true, formats: {} }).compile(schema)
  const lines = [...linesIn('native'), ...linesIn('native', 'public.plain'), ...linesIn('native', 'messages')]
  expect(new Set(lines.map(({ op }) => op))).toEqual(new Set(['read', 'insert', 'update', 'delete', 'truncate', 'message']))
  for (const line of lines) expect(validate(line), JSON.stringify([line, validate.errors])).toBe(true)
})

test('a row read and the same row inserted are told alike, apart from operation and place', () => {
  const places: [string, RegExp][] = [
    ['native', /"(op|position|ordinal|xid|commitTime)":("[^"]*"|\d+|null)|,"chunk":"[^"]*"|"id":[12]\b/g],
    ['modification', /"(timestamp|lsn|sequence)":("[^"]*"|\d+|null)|"id":[12]\b/g],
    ['fields-values', /"transaction_id":(\d+|null)|"values":\[[12],/g],
    ['cloudevents', /"(id|type|time|sequence|op|xid)":("[^"]*"|\d+|null)|\\"id\\":[12]/g],
    ['binary', /"(ce_id|ce_type|ce_time|ce_sequence|op|xid|id)":("[^"]*"|\d+|null)|\\"id\\":[12]/g],
  ]
  for (const [sink, place] of places) {
    const [read = '', inserted = ''] = textsIn(sink as (typeof SINKS)[number]).filter(
      (line) => line.includes('a,b') && !line.includes('new'),
    ) // of the list above
    expect(inserted.replace(place, ''), sink).toBe(read.replace(place, ''))
    expect(read.length).toBeGreaterThan(12_000)
  }
})

test('modification: before rows, in every run and after every change of columns, stands their schema', () => {
  for (const table of ['public.every', 'public.plain']) {
    let columns: string[] | null = null
    for (const { spec, after } of linesIn('modification', table)) {
      if (spec !== undefined) columns = (spec as { columns: { name: string }[] }).columns.map(({ name }) => name)
      else for (const name of Object.keys((after as Line | null) ?? {})) expect(columns).toContain(name)
    }
  }
  const plain = linesIn('modification', 'public.plain')
  expect(plain.map((line) => ('spec' in line ? 'schema' : 'row'))).toEqual(['schema', 'row', 'schema', 'row', 'schema', 'row'])
  expect(plain[4]).toMatchObject({
    namespace: 'public',
    name: 'plain',
    spec: { columns: [{ key: true, name: 'id', type: 23, modifier: -1 }, {}, { name: 'city' }] },
  })
  expect(plain[5]).toMatchObject({ lsn: expect.any(Number), sequence: 2, before: null, after: { id: 3, name: 'three', city: 'Rome' } })
})

test('a look at the database shows schemas before rows too', async () => {
  const { code, stdout, stderr } = await millrace([
    'tail',
    server.url(database),
    'plain',
    '--snapshot',
    '--format',
    'modification',
    '--limit',
    '2',
  ])
  expect(code, stderr).toBe(0)
  const lines = stdout.split('\n').slice(0, -1)
  expect(lines.map((line) => Object.keys(JSON.parse(line) as object).at(-1))).toEqual(['spec', 'after', 'after'])
})

test('fields-values: what crashed pg_to_brokers is a record like others', () => {
  const records = linesIn('fields-values').map(({ transaction_id: _, change_type: __, table_name: ___, types: ____, ...rest }) => rest)
  expect(records.map(({ operation }) => operation)).toEqual(['INSERT', 'INSERT', 'UPDATE', 'UPDATE', 'DELETE', 'TRUNCATE'])
  const [read, , update, moved, deleted, truncated] = records
  expect(read?.values).toEqual([1, [1, null, 3], ['a,b', '{"q"}', null], 'it\'s "q" \\', 12345678901234567000, '{"b": [1,  null]}', '{"k": 1}',
    '2026-11-19 20:02:03.5+00', 'P1M2DT-3S', '\\x00ff', null, 'NaN', expect.stringMatching(/^[0-9a-f]{12800}$/)]) // prettier-ignore
  expect(textsIn('fields-values')[0]).toContain(',12345678901234567890.12,')
  expect(update).toMatchObject({ unchanged: ['large'] })
  expect(JSON.stringify(update)).not.toContain('toast')
  expect(moved).toMatchObject({ old: { fields: ['id'], values: [2] }, unchanged: ['large'] })
  expect(deleted).toEqual({ operation: 'DELETE', fields: ['id'], values: [3] })
  expect(truncated).toMatchObject({ operation: 'TRUNCATE', fields: [], values: [] })
  expect(linesIn('fields-values', 'messages')).toMatchObject([
    { change_type: 'message', operation: 'MESSAGE', values: ['app', '\\x68656c6c6f'] },
  ])
})

test('cloudevents: every event is valid to the official SDK and has an id and a sequence of its own', () => {
  const events = [...linesIn('cloudevents'), ...linesIn('cloudevents', 'public.plain'), ...linesIn('cloudevents', 'messages')]
  for (const event of events) expect(new CloudEvent(event).validate()).toBe(true)
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
  const sequences = linesIn('cloudevents').map(({ sequence }) => String(sequence))
  expect(sequences.toSorted()).toEqual(sequences)
  const began = Date.parse(String(events[0]?.time))
  expect(Math.abs(Date.now() - began)).toBeLessThan(3_600_000)
  expect(linesIn('binary')[0]).toMatchObject({ topic: null, key: { id: 1 }, headers: { ce_type: 'millrace.change.read' } })
})

/** A table whose delete does not hold the column that the partition key asks for. */
async function unnameable(name: string) {
  const other = await server.createDatabase(name)
  await server.query(`CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one')`, [], other)
  const configured = (key: string, onError: string) => `name: ${name}
source: { type: postgres, url: "\${env:POISON_URL}" }
sinks: [{ type: file, path: ./out, format: { type: cloudevents, partitionkey: "${key}" } }]
onError: { data: ${onError} }
`
  const folder = folderWith({
    'stop.yaml': configured('${row.name}', 'stop'),
    'aside.yaml': configured('${row.name}', 'dead-letter'),
    'mended.yaml': configured('${row.name:-gone}', 'stop'),
  })
  const cli = (...args: string[]) => millrace(args, { cwd: folder, env: { POISON_URL: server.url(other) } })
  const runWith = (file: string) => cli('run', '-c', file, '--until', 'caught-up')
  const told = () => {
    const table = join(folder, 'out/public.t')
    const lines = readdirSync(table).flatMap((file) => readFileSync(join(table, file), 'utf8').split('\n').slice(0, -1))
    return lines
      .map((line) => JSON.parse(line) as { partitionkey: string; data: { op: string } })
      .map((event) => [event.data.op, event.partitionkey])
  }
  const change = () =>
    server.query(`INSERT INTO t VALUES (2, 'two'); DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, 'three')`, [], other)
  return { cli, runWith, told, change }
}

test('a change that a template cannot name stops the run with what helps, loses nothing, and goes on once it is mended', async () => {
  const { runWith, told, change } = await unnameable('poison')
  expect(await runWith('stop.yaml')).toMatchObject({ code: 0 })
  await change()
  const stopped = await runWith('stop.yaml')
  expect(stopped).toMatchObject({ code: 1, stderr: expect.stringContaining('TEMPLATE_VALUE') })
  expect(stopped.stderr).toContain('which a change of public.t does not hold')
  expect(stopped.stderr).toContain('REPLICA IDENTITY FULL')
  expect(await runWith('mended.yaml')).toMatchObject({ code: 0 })
  expect(told()).toEqual([
    ['read', 'one'],
    ['insert', 'two'],
    ['delete', 'gone'],
    ['insert', 'three'],
  ])
})

test('a change that a template cannot name is set aside where that is wanted, and the rest goes on', async () => {
  const { cli, runWith, told, change } = await unnameable('aside')
  expect(await runWith('aside.yaml')).toMatchObject({ code: 0 })
  await change()
  expect(await runWith('aside.yaml')).toMatchObject({ code: 0, stderr: expect.stringContaining('TEMPLATE_VALUE') })
  expect(told()).toEqual([
    ['read', 'one'],
    ['insert', 'two'],
    ['insert', 'three'],
  ])
  expect((await cli('dlq', 'list', '-c', 'aside.yaml')).stdout).toContain('TEMPLATE_VALUE')
})
