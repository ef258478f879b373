import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../test/servers.ts'
import { folderWith, millrace } from './run-cli.fixture.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(() => server.stop())

test('what the slot retains while nobody reads is told at the exit, in status and at the next start', async () => {
  const database = await server.createDatabase('retained')
  const cwd = folderWith({
    'shop.yaml': `name: ${database}\nsource: { type: postgres, url: "${server.url(database)}" }\nsinks: [{ type: discard }]\n`,
  })
  await server.query('CREATE TABLE t (id int PRIMARY KEY)', [], database)
  const run = () => millrace(['run', '-c', 'shop.yaml', '--until', 'caught-up'], { cwd })
  const warnings = (stderr: string) =>
    stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; message?: string; retainedBytes?: number })
      .filter(({ msg }) => msg === 'LOG_RETAINED')

  const first = await run()
  expect(first.code, first.stderr).toBe(0)
  expect(warnings(first.stderr)).toMatchObject([{ message: expect.stringContaining('millrace drop -c shop.yaml') }])

  await server.query(`SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)) FROM generate_series(1, 40)`, [], database)
  const told = new RegExp(`The slot of ${database} retains \\d+(\\.\\d+)? MB of the database's log that nobody reads`)
  expect((await millrace(['status', '-c', 'shop.yaml'], { cwd })).stdout).toMatch(told)
  const status = JSON.parse((await millrace(['status', '-c', 'shop.yaml', '--json'], { cwd })).stdout)
  expect(status.warnings).toEqual([expect.stringMatching(told)])
  expect(status.source.slot.retainedBytes).toBeGreaterThan(40_000_000)

  const second = await run()
  expect(warnings(second.stderr)[0]).toMatchObject({ message: expect.stringMatching(told), retainedBytes: expect.any(Number) })
})
