import { expect, test } from 'vitest'
import { POSTGRES_MAJORS, startPostgres } from './servers.ts'

test.each(POSTGRES_MAJORS)('Postgres %i starts, answers, survives a crash and stops', async (major) => {
  await using server = await startPostgres(major)
  const version = await server.query('SHOW server_version_num')
  expect(Math.floor(Number(version.rows[0].server_version_num) / 10_000)).toBe(major)
  await server.halt('kill')
  await server.start()
  expect((await server.query('SHOW wal_level')).rows[0].wal_level).toBe('logical')
})
