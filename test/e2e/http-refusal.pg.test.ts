/** What an endpoint says no to, as a user meets it: one row that it refuses, and a wrong address. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'
import { startReceiver, type Received } from '../../src/sinks/http/receiver.fixture.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

async function shop() {
  const database = await server.createDatabase('refusal')
  const sql = (text: string) => server.query(text, [], database)
  await sql('CREATE TABLE prices (id int PRIMARY KEY, price text); INSERT INTO prices SELECT g, g FROM generate_series(1, 200) g')
  const url = server.url(database)
  const cwd = folderWith({})
  const run = (address: string, ...args: string[]) =>
    millrace(['run', url, address, '--until', 'caught-up', '--log', 'json', ...args], { cwd })
  return { sql, run }
}

const bad = ({ body }: Received) => (body.includes('"poison"') ? { status: 422 } : { status: 204 })

test('a row that the endpoint refuses is set aside, later changes of its key with it, and the rest arrives', async () => {
  const { sql, run } = await shop()
  await using receiver = await startReceiver({ answer: bad })
  expect(await run(receiver.url)).toMatchObject({ code: 0 })
  await sql(`UPDATE prices SET price = 'fine' WHERE id < 50`)
  await sql(`UPDATE prices SET price = 'poison' WHERE id = 77`)
  await sql(`UPDATE prices SET price = 'later' WHERE id IN (77, 78)`)
  const second = await run(receiver.url, '--json')
  expect(second.code, second.stderr).toBe(0)
  expect(JSON.parse(second.stdout)).toMatchObject({ end: 'caught-up', deadLetters: 2 })
  expect(second.stderr).toContain('SINK_HTTP_MESSAGE_REFUSED')
  expect(second.stdout + second.stderr).not.toContain('poison')
  const later = receiver.once().flatMap(({ value }) => {
    const { op, after } = value as { op: string; after: { id: number; price: string } } // the native format
    return op === 'update' && after.price !== 'fine' ? [after] : []
  })
  expect(later).toEqual([{ id: 78, price: 'later' }])
  expect(receiver.once()).toHaveLength(200 + 49 + 1)
})

test('an address that is wrong stops the run, says what to do, and loses nothing', async () => {
  const { run } = await shop()
  await using receiver = await startReceiver({ answer: () => ({ status: 404 }) })
  const wrong = await run(`${receiver.url}?token=hidden`)
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('SINK_HTTP_REJECTED')
  expect(wrong.stderr).toContain(`takes POST`)
  expect(wrong.stderr).not.toContain('hidden')
  await using right = await startReceiver()
  expect(await run(right.url)).toMatchObject({ code: 0 })
  expect(right.once()).toHaveLength(200)
})
