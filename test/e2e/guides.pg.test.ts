/** What the guides say to run does what they say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, ROOT } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, type PostgresServer } from '../servers.ts'

const guide = readFileSync(join(ROOT, 'docs/guides/parquet-and-duckdb.md'), 'utf8')
const block = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(guide)?.[1] ?? ''

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(18)))
afterAll(async () => server.stop())

test('Parquet and DuckDB: the configuration runs, and each query says what the guide says of it', async () => {
  const database = await server.createDatabase('guide')
  const sql = (text: string) => server.query(text, [], database)
  const cwd = folderWith({ 'millrace.yaml': block('yaml').replace('name: shop', `name: ${database}`) })
  const run = () => millrace(['run', '-c', 'millrace.yaml', '--until', 'caught-up'], { cwd, env: { DATABASE_URL: server.url(database) } })
  await sql(`CREATE TABLE orders (id int PRIMARY KEY, status text, total numeric(10,2), note text);
    ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
    INSERT INTO orders SELECT i, 'open', i, repeat('x', 5000) FROM generate_series(1, 50) i`)
  expect(await run()).toMatchObject({ code: 0 })
  await sql(`UPDATE orders SET status = 'paid' WHERE id <= 20; UPDATE orders SET status = 'sent', note = 'short' WHERE id = 7;
    DELETE FROM orders WHERE id = 8; UPDATE orders SET id = 1009, note = note || '.' WHERE id = 9`)
  expect(await run()).toMatchObject({ code: 0 })

  const ask = async (query: string, from = ':memory:') => {
    const instance = await DuckDBInstance.create(from)
    const connection = await instance.connect()
    try {
      return (await connection.runAndReadAll(query.replaceAll("'lake/", `'${cwd}/lake/`))).getRowObjectsJson()
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }
  const latest = async () => {
    const rows = await ask(block('sql latest'))
    return rows.map(({ id, status, total }) => `${id} ${status} ${total}`).sort()
  }
  const source = async () =>
    (await sql('SELECT id, status, total FROM orders')).rows.map(({ id, status, total }) => `${id} ${status} ${total}`).sort()

  expect(await ask(block('sql duckdb'), join(cwd, 'shop.duckdb'))).toEqual([
    { status: 'open', orders: '30', total: '1065.00' },
    { status: 'paid', orders: '18', total: '195.00' },
    { status: 'sent', orders: '1', total: '7.00' },
  ])
  expect((await ask(block('sql changes'))).map(({ _op, status }) => [_op, status])).toEqual([
    ['update', 'paid'],
    ['update', 'sent'],
  ])
  expect(await latest()).toEqual(await source())
  expect(await latest()).toHaveLength(49)
  const notes = await ask(block('sql unchanged'))
  expect(notes.find(({ id }) => id === 7)).toEqual({ id: 7, note: 'short' })

  await sql('TRUNCATE orders')
  await sql(`ALTER TABLE orders ADD COLUMN paid_at date; INSERT INTO orders VALUES (7, 'new', 1, null, '2026-11-20')`)
  expect(await run()).toMatchObject({ code: 0 })
  expect(await latest()).toEqual(['7 new 1.00'])
})
