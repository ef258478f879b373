import { createServer, type Server } from 'node:net'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { followPrimary } from '../../../test/standby.ts'
import { createConnectionPool } from './connection-pool.ts'
import { closeConnection, connect, sameServer, type Connection } from './connection.ts'
import { queryRows } from './query.ts'
import { parseSourceUrl } from './source-url.ts'

describe.each(testedMajors())('several hosts of Postgres %i', (major) => {
  let primary: PostgresServer
  let standby: PostgresServer

  beforeAll(async () => {
    primary = await startPostgres(major)
    standby = await startPostgres(major)
    await followPrimary(standby, primary)
  }, 60_000)
  afterAll(async () => {
    await standby.stop()
    await primary.stop()
  })

  const CLOSED = '127.0.0.1:1'
  const at = (server: PostgresServer) => `127.0.0.1:${server.port}`
  const url = (hosts: readonly string[], query = '') => `postgres://postgres@${hosts.join(',')}/postgres?${query}`
  const portOf = async (connection: Connection) => Number((await queryRows(connection, `SHOW port`))[0]?.[0])
  async function portReached(text: string): Promise<number> {
    const connection = await connect(text)
    try {
      return await portOf(connection)
    } finally {
      await closeConnection(connection)
    }
  }

  test.each<[string, string, 'primary' | 'standby']>([
    ['', 'CLOSED,STANDBY,PRIMARY', 'primary'],
    ['target_session_attrs=any', 'CLOSED,STANDBY,PRIMARY', 'standby'],
    ['target_session_attrs=primary', 'STANDBY,PRIMARY', 'primary'],
    ['target_session_attrs=read-write', 'STANDBY,PRIMARY', 'primary'],
    ['target_session_attrs=standby', 'PRIMARY,STANDBY', 'standby'],
    ['target_session_attrs=read-only', 'PRIMARY,STANDBY', 'standby'],
    ['target_session_attrs=prefer-standby', 'PRIMARY,STANDBY', 'standby'],
    ['target_session_attrs=prefer-standby', 'PRIMARY,CLOSED', 'primary'],
    ['target_session_attrs=primary&load_balance_hosts=random', 'STANDBY,CLOSED,PRIMARY', 'primary'],
  ])('%s among %s is the %s', async (query, hosts, found) => {
    const named = hosts.replace('CLOSED', CLOSED).replace('STANDBY', at(standby)).replace('PRIMARY', at(primary))
    expect(await portReached(url([named], query))).toBe(found === 'primary' ? primary.port : standby.port)
  })

  test('each that failed is named in the one error, which may pass', async () => {
    await expect(connect(url([CLOSED, at(standby)]))).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      kind: 'transient',
      message: expect.stringMatching(
        new RegExp(`127.0.0.1:1: .*ECONNREFUSED.*; ${at(standby)}: it is a standby \\(target_session_attrs=primary\\)`),
      ),
    })
  })

  test('a server that refuses the login ends the search', async () => {
    await expect(connect(`postgres://nobody_here@${at(primary)},${CLOSED}/postgres`)).rejects.toMatchObject({ code: 'SOURCE_AUTH' })
  })

  test('a host that never answers costs its own time only', async () => {
    const silent: Server = createServer((socket) => socket.resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number } // listening, so an address
    const text = url([`127.0.0.1:${port}`, at(primary)], 'connect_timeout=1')
    expect(await portReached(text)).toBe(primary.port)
    await new Promise((resolve) => silent.close(resolve))
  })

  test('what belongs together is asked of one server', async () => {
    const connection = await connect(url([at(standby), at(primary)], 'target_session_attrs=any&load_balance_hosts=random'))
    const port = await portOf(connection)
    for (let i = 0; i < 5; i++) {
      const other = await connect(sameServer(connection))
      expect(await portOf(other)).toBe(port)
      await closeConnection(other)
    }
    await closeConnection(connection)
  })

  test('without a host it is this machine, by its socket where there is one', async () => {
    const folder = dirname(primary.dataDir)
    expect(await portReached(`host=${folder} port=${primary.port} user=postgres dbname=postgres`)).toBe(primary.port)
    const env = { PGHOST: folder, PGPORT: String(primary.port), PGUSER: 'postgres' }
    const connection = await connect(parseSourceUrl(undefined, { env }), { replication: true, gulp: true })
    await closeConnection(connection)
    const nowhere = parseSourceUrl('postgres://', { env: { PGPORT: '1' } })
    await expect(connect(nowhere)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', message: expect.stringContaining('localhost:1') })
  })

  // Last: it ends the primary.
  test('after a failover the list leads to the new primary', async () => {
    await using pool = createConnectionPool(url([at(primary), at(standby)]))
    expect(await pool.use(portOf)).toBe(primary.port)
    await primary.halt('kill')
    const before: unknown = await pool.use(portOf).catch((error: unknown) => error)
    expect(before).toMatchObject({ kind: 'transient' })
    await standby.query('SELECT pg_promote()')
    expect(await pool.use(portOf)).toBe(standby.port)
  })
})
