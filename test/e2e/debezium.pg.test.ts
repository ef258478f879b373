/** Debezium's form of a real database, in files: transactions told whole, however many batches they take, and rows read like rows inserted. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

const CONFIGURATION = `
name: shop
source: { type: postgres, url: "\${env:SHOP_URL}" }
batch: { maxSize: 16kB }
sinks:
  - { type: file, name: told, path: ./told, format: { type: debezium, schemas.enable: "false", provide.transaction.metadata: "true" } }
  - { type: file, name: plain, path: ./plain, format: { type: debezium, schemas.enable: "false" } }
  - { type: file, name: flat, path: ./flat, format: { type: debezium-flat, schemas.enable: "false", add.fields: op } }
`

let server: PostgresServer
let database: string
let cwd: string
const run = async () => {
  const { code, stderr } = await millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], {
    cwd,
    env: { SHOP_URL: server.url(database) },
  })
  expect(code, stderr).toBe(0)
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON, whose shape is what they are about
type Line = any

function linesIn(folder: string): Line[] {
  const files = readdirSync(join(cwd, folder)).sort()
  return files
    .flatMap((file) =>
      readFileSync(join(cwd, folder, file), 'utf8')
        .split('\n')
        .slice(0, -1),
    )
    .map((line) => JSON.parse(line) as Line)
}

beforeAll(async () => {
  server = await startPostgres(testedMajors().at(-1))
  database = await server.createDatabase('debezium_files')
  cwd = folderWith({ 'shop.yaml': CONFIGURATION })
  const sql = (text: string) => server.query(text, [], database)
  await sql(`CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, paid numeric(10,2), at timestamptz, doc jsonb, tags text[]);
    INSERT INTO users VALUES (1, 'Ada "x"', -1.5, '2026-11-20 01:02:03.5+05', '{"k": [1]}', '{a,NULL}')`)
  await run()
  await sql(`INSERT INTO users SELECT 2, name, paid, at, doc, tags FROM users`)
  await sql(`INSERT INTO users SELECT n, repeat('n', 100) FROM generate_series(3, 2002) n`)
  await sql(`UPDATE users SET id = -1 WHERE id = 1`)
  await run()
}, 120_000)
afterAll(() => server.stop())

test('each transaction is told once, with as many records as it has, in however many batches it came', () => {
  const told = linesIn('told/messages').map(({ value }) => [value.status, value.event_count])
  const records = linesIn('told/public.users')
  // Begins stand before the first record of their transaction, with its table.
  const begins = records.filter(({ topic }) => topic === 'shop.transaction').map(({ value }) => value.status)
  expect([...told.map(([status]) => status), ...begins].sort()).toEqual(['BEGIN', 'BEGIN', 'BEGIN', 'END', 'END', 'END'])
  const ends = [...told, ...records.map(({ value }) => [value?.status, value?.event_count])].filter(([status]) => status === 'END')
  expect(ends.map(([, count]) => count).sort()).toEqual([1, 2, 2000])
  const large = records.filter(({ value }) => value?.after?.id >= 3)
  expect(large.map(({ value }) => value.transaction.total_order)).toEqual(Array.from({ length: 2000 }, (_, at) => at + 1))
})

test('rows read look like rows inserted, and every record is there once', () => {
  const records = linesIn('plain/public.users')
  const [read, inserted] = records.map(({ value }) => value)
  expect(read).toMatchObject({ op: 'r', source: { snapshot: 'incremental' } })
  expect(inserted).toMatchObject({ op: 'c', before: null, after: { ...read.after, id: 2 } })
  expect(read.after).toEqual({
    id: 1,
    name: 'Ada "x"',
    paid: '/2o=',
    at: '2026-11-19T20:02:03.500000Z',
    doc: '{"k": [1]}',
    tags: ['a', null],
  })
  expect(records.map(({ key }) => key.id)).toEqual([...Array.from({ length: 2002 }, (_, at) => at + 1), 1, 1, -1])
  const places = records.slice(1).flatMap(({ value }) => value?.source.lsn ?? [])
  expect(places.every((place, at) => at === 0 || place >= places[at - 1])).toBe(true)
})

test('the flat form is the rows alone', () => {
  const rows = linesIn('flat/public.users')
  expect(rows[0].value).toMatchObject({ id: 1, name: 'Ada "x"', __op: 'r' })
  expect(rows.slice(-2).map(({ key, value }) => [key.id, value?.id ?? value])).toEqual([
    [1, null],
    [-1, -1],
  ])
})
