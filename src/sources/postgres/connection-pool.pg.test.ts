import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, until, type PostgresServer } from '../../../test/servers.ts'
import { createConnectionPool } from './connection-pool.ts'

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(18)))
afterAll(() => server.stop())

test('a connection that is still being made when the pool ends does not outlive it', async () => {
  const database = await server.createDatabase()
  const pool = createConnectionPool(server.url(database))
  let isUsed = false
  const used = pool.use(async () => (isUsed = true))
  const refused = expect(used).rejects.toMatchObject({ code: 'SOURCE_LOST' })
  await pool[Symbol.asyncDispose]()
  await refused
  expect(isUsed).toBe(false)
  const sessions = `SELECT FROM pg_stat_activity WHERE datname = '${database}'`
  await until(async () => (await server.query(sessions)).rowCount === 0, 5000, 'the end of every session of the pool')
})
