/** Dead letters as a user meets them: one bad row, the rest goes on; looked at, given again, forgotten. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { folderWith, millrace, startMillrace } from '../../src/cli/run-cli.fixture.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../servers.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(testedMajors()[0])))
afterAll(async () => server.stop())

const SINK = '{ type: duckdb, path: ./shop.duckdb }'

async function shop(more = '') {
  const database = await server.createDatabase('dlq')
  const sql = (text: string) => server.query(text, [], database)
  await sql('CREATE TABLE prices (id int PRIMARY KEY, price numeric(10,2)); INSERT INTO prices SELECT g, g FROM generate_series(1, 50) g')
  const source = `{ type: postgres, url: "${server.url(database)}" }`
  const folder = folderWith({ 'millrace.yaml': `name: ${database}\nsource: ${source}\nsinks:\n  - ${SINK}\n${more}` })
  const dlq = async (...args: string[]) => millrace(['dlq', ...args, '-c', 'millrace.yaml'], { cwd: folder })
  return {
    folder,
    sql,
    dlq,
    run: (...args: string[]) => millrace(['run', '-c', 'millrace.yaml', '--log', 'json', ...args], { cwd: folder }),
  }
}

test('a value that DuckDB cannot hold is set aside; mended in the source and given again, sink and source are equal', async () => {
  const { folder, sql, dlq, run } = await shop()
  await sql(`UPDATE prices SET price = 'NaN' WHERE id = 7`)
  const first = await run('--until', 'caught-up', '--json')
  expect(first.code, first.stderr).toBe(0)
  expect(JSON.parse(first.stdout)).toMatchObject({ deadLetters: 1, end: 'caught-up' })
  expect(first.stderr).toContain('"DEAD_LETTER"')

  const listed = await dlq('list', '--json')
  const { letters } = JSON.parse(listed.stdout) as { letters: { id: number }[] }
  expect(letters).toMatchObject([
    { sink: 'duckdb', table: 'public.prices', op: 'read', key: '{"id":7}', code: 'SINK_VALUE', waits: false, attempts: 1 },
  ])
  expect(listed.stdout).not.toContain('NaN')
  const shown = (await dlq('show', String(letters[0]?.id))).stdout
  expect(shown).toContain('"price":"NaN"')
  expect(shown).toContain('docs/reference/errors.md#sink_value')
  expect((await dlq('list', '--key', '{"id": 8}')).stdout).toBe('No dead letters.\n')
  expect(
    await millrace(['status', '-c', 'millrace.yaml', '--json'], { cwd: folder }).then(({ stdout }) => JSON.parse(stdout)),
  ).toMatchObject({ deadLetters: 1 })
  expect(await dlq('retry', '--all')).toMatchObject({ code: 1, stderr: expect.stringContaining('PIPELINE_NOT_RUNNING') })

  const running = startMillrace(['run', '-c', 'millrace.yaml', '--log', 'json'], { cwd: folder })
  try {
    await until(async () =>
      (await millrace(['status', '-c', 'millrace.yaml', '--json'], { cwd: folder })).stdout.includes(`"pid":${running.child.pid}`),
    )
    await sql(`UPDATE prices SET price = 7 WHERE id = 7`)
    const retried = await dlq('retry', String(letters[0]?.id))
    expect(retried, retried.stderr).toMatchObject({ code: 0, stdout: '1 given again.\n' })
    expect((await dlq('list')).stdout).toBe('No dead letters.\n')
  } finally {
    running.child.kill('SIGTERM')
    await running.finished
  }
  const verified = await millrace(['verify', '-c', 'millrace.yaml'], { cwd: folder })
  expect(verified, verified.stdout).toMatchObject({ code: 0 })
})

test('`onError: { data: stop }` stops at the first, and too many stop in any case', async () => {
  const { sql, run } = await shop('onError: { data: stop }\n')
  await sql(`UPDATE prices SET price = 'NaN' WHERE id = 7`)
  const stopped = await run('--until', 'caught-up')
  expect(stopped).toMatchObject({ code: 1, stderr: expect.stringContaining('SINK_VALUE') })
  const many = await shop('onError: { maxDeadLetters: 3 }\n')
  await many.sql(`UPDATE prices SET price = 'NaN' WHERE id <= 4`)
  const full = await many.run('--until', 'caught-up')
  expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('DEAD_LETTERS_FULL') })
})

test('what is forgotten is forgotten, asked first', async () => {
  const { sql, dlq, run } = await shop()
  await sql(`UPDATE prices SET price = 'NaN' WHERE id = 7`)
  await run('--until', 'caught-up')
  expect(await dlq('drop', '--all')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
  expect(await dlq('drop', '--table', 'public.prices', '--yes')).toMatchObject({ code: 0, stdout: '1 forgotten.\n' })
  expect(await dlq('drop', '--all', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('DEAD_LETTER_NONE') })
  expect(await dlq('drop')).toMatchObject({ code: 2 })
})
