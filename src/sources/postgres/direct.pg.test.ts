import { connect as dial, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { closeConnection, connect } from './connection.ts'
import { assertDirect } from './direct.ts'

/** What PgBouncer 1.18 answers, byte for byte. */
const REFUSES_REPLICATION = 'E\0\0\0?SFATAL\0C08P01\0Munsupported startup parameter: replication\0\0'
const NO_SUCH_DATABASE = 'E\0\0\0.SFATAL\0C08P01\0Mno such database: nowhere\0\0'

describe.each(testedMajors())('what stands before Postgres %i', (major) => {
  let server: PostgresServer
  const open: Server[] = []
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(() => server.stop())
  afterEach(async () => {
    for (const one of open.splice(0)) await new Promise((resolve) => one.close(resolve))
  })

  async function listen(onClient: (socket: Socket, startup: Buffer) => void): Promise<string> {
    const listening = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (startup: Buffer) => onClient(socket, startup))
    })
    open.push(listening)
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as { port: number } // listening, so an address
    return `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`
  }

  /** Passes everything on; `change` may alter the first bytes of the server. */
  function pass(socket: Socket, startup: Buffer, change: (first: Buffer) => Buffer = (first) => first): void {
    const upstream = dial(server.port, '127.0.0.1')
    upstream.on('error', () => socket.destroy())
    upstream.write(startup)
    upstream.once('data', (first: Buffer) => {
      socket.write(change(first))
      upstream.pipe(socket)
    })
    socket.pipe(upstream)
  }

  async function judge(url: string): Promise<unknown> {
    const connection = await connect(url)
    try {
      await assertDirect(connection)
      return 'direct'
    } catch (error) {
      return error
    } finally {
      await closeConnection(connection)
    }
  }

  test('nothing', async () => {
    expect(await judge(server.url())).toBe('direct')
    expect(await judge(await listen((socket, startup) => pass(socket, startup)))).toBe('direct')
  })

  test('nothing, where every sender is in use', async () => {
    await using full = await startPostgres(major, { max_wal_senders: '1' })
    const only = await connect(full.url(), { replication: true })
    expect(await judge(full.url())).toBe('direct')
    await closeConnection(only)
  })

  test('PgBouncer, which refuses replication', async () => {
    const url = await listen((socket, startup) => {
      if (startup.includes('replication')) socket.end(Buffer.from(REFUSES_REPLICATION, 'latin1'))
      else pass(socket, startup)
    })
    expect(await judge(url)).toMatchObject({
      code: 'SOURCE_POOLER',
      kind: 'operator',
      message: 'PgBouncer stands before the database: it answers "unsupported startup parameter: replication".',
    })
  })

  test('PgBouncer, which does not know the database', async () => {
    const url = await listen((socket) => void socket.end(Buffer.from(NO_SUCH_DATABASE, 'latin1')))
    await expect(connect(url)).rejects.toMatchObject({
      code: 'SOURCE_POOLER',
      message: expect.stringContaining('no such database: nowhere'),
    })
  })

  test('Supavisor, which forgets that replication was asked for', async () => {
    const url = await listen((socket, startup) => {
      const text = startup.toString('latin1').replace('replication\0database\0', '')
      const shorter = Buffer.from(text, 'latin1')
      shorter.writeInt32BE(shorter.length)
      pass(socket, shorter)
    })
    expect(await judge(url)).toMatchObject({ code: 'SOURCE_POOLER', message: expect.stringContaining('it gave an ordinary one') })
  })

  test('a pooler of transactions, by one process behind two sessions', async () => {
    const url = await listen((socket) => {
      socket.write(loginOf(100 + Math.floor(Math.random() * 1000)))
      socket.on('data', (query: Buffer) => {
        const row = query.includes('pg_backend_pid') ? [message('T', pidColumn), message('D', pidRow)] : []
        socket.write(Buffer.concat([...row, message('C', Buffer.from('SELECT 1\0')), message('Z', Buffer.from('I'))]))
      })
    })
    expect(await judge(url)).toMatchObject({ code: 'SOURCE_POOLER', message: expect.stringContaining('served by one process') })
  })

  test('a proxy that names another process and passes everything on is none', async () => {
    const url = await listen((socket, startup) =>
      pass(socket, startup, (first) => {
        const at = first.indexOf(Buffer.from('K\0\0\0\x0c', 'latin1'))
        expect(at).toBeGreaterThan(0)
        first.writeInt32BE(123, at + 5)
        return first
      }),
    )
    expect(await judge(url)).toBe('direct')
  })

  test('an address that tells it is refused before anything is tried', async () => {
    await expect(connect('postgres://u@ep-x-1-pooler.eu-central-1.aws.neon.tech/db')).rejects.toMatchObject({
      code: 'SOURCE_POOLER',
      hint: 'Connect to ep-x-1.eu-central-1.aws.neon.tech: changes cannot be followed through a pooler.',
    })
  })
})

const message = (type: string, body: Buffer) => {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
/** Authenticated, Postgres 16, this process, ready. */
const loginOf = (pid: number) => {
  const key = Buffer.alloc(8)
  key.writeInt32BE(pid)
  return Buffer.concat([
    message('R', Buffer.alloc(4)),
    message('S', Buffer.from('server_version\x0016.3\0')),
    message('K', key),
    message('Z', Buffer.from('I')),
  ])
}
const pidColumn = Buffer.concat([
  Buffer.from([0, 1]),
  Buffer.from('pid\0'),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
])
const pidRow = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 4]), Buffer.from('4711')])
