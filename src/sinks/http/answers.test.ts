import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { batchOf, insertOf, positionAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { checkEndpoint } from './check.ts'
import { config } from './config.ts'
import { verdictOf } from './errors.ts'
import { startReceiver, type Answer, type Received } from './receiver.fixture.ts'
import { openSink, signal, writeAll } from './sink.fixture.ts'

const users = usersTable()
const lone = batchOf(1, insertOf(users, userRow(1)))
const many = (index: number, count: number) =>
  batchOf(index, ...Array.from({ length: count }, (_, at) => insertOf(users, userRow(at, `<${at}>`))))
const idsOf = ({ body }: Received) => (JSON.parse(body) as { id: string }[]).map(({ id }) => id)

describe('an answer', () => {
  test.each<[number, string, string]>([
    ...[400, 422].map((status) => [status, 'SINK_HTTP_MESSAGE_REFUSED', 'data'] as [number, string, string]),
    [413, 'SINK_HTTP_MESSAGE_TOO_LARGE', 'data'],
    ...[408, 409, 425, 429, 500, 502, 503, 504, 599].map((status) => [status, 'SINK_HTTP_BUSY', 'transient'] as [number, string, string]),
    ...[301, 302, 303, 307, 308].map((status) => [status, 'SINK_HTTP_REDIRECT', 'operator'] as [number, string, string]),
    ...[401, 403, 407].map((status) => [status, 'SINK_HTTP_DENIED', 'operator'] as [number, string, string]),
    ...[404, 405, 410, 415, 501].map((status) => [status, 'SINK_HTTP_REJECTED', 'operator'] as [number, string, string]),
  ])('of %s is told as %s (%s), and nothing is durable', async (status, code, kind) => {
    await using receiver = await startReceiver({ answer: () => ({ status, headers: { location: '/else?token=hidden' } }) })
    const error = await writeAll({ url: `${receiver.url}/hidden?token=hidden` }, lone)
    expect(error).toMatchObject({ code, kind })
    expect(`${error?.message} ${JSON.stringify(error?.fields)}`).not.toContain('hidden')
    expect(error?.message).not.toContain('{')
    expect(receiver.requests).toHaveLength(1)
  })

  test.each([200, 201, 202, 204, 299])('of %s is durable', async (status) => {
    await using receiver = await startReceiver({ answer: () => ({ status }) })
    expect(await writeAll({ url: receiver.url }, lone)).toBeNull()
    expect(receiver.taken).toHaveLength(1)
  })

  test('has one meaning for every status', () => {
    for (let status = 200; status < 600; status++) expect(verdictOf(status)).toBeTypeOf('string')
  })

  test('that redirects is not followed, and says where to', async () => {
    await using other = await startReceiver()
    await using receiver = await startReceiver({ answer: () => ({ status: 307, headers: { location: other.url } }) })
    const error = await writeAll({ url: receiver.url }, lone)
    expect(error?.message).toContain(`(307) to ${new URL(other.url).origin};`)
    expect(other.requests).toEqual([])
  })
})

describe('a message that cannot pass', () => {
  const poison = (at: number) => ({ answer: ({ body }: Received) => (body.includes(`<${at}>`) ? { status: 400 } : { status: 200 }) })

  test.each([0, 1, 36, 63, 64, 99])(
    'is found among a hundred: number %i is named, all before it has arrived and nothing behind it',
    async (at) => {
      await using receiver = await startReceiver(poison(at))
      const error = await writeAll({ url: receiver.url }, many(5, 100), many(6, 3))
      const id = `${positionAt(5)}-${at}`
      expect(error).toMatchObject({ kind: 'data', fields: { table: 'public.users', position: positionAt(5), id, status: 400 } })
      expect(receiver.taken.map((each) => each.id)).toEqual(Array.from({ length: at }, (_, n) => `${positionAt(5)}-${n}`))
      expect(receiver.requests.length).toBeLessThan(18)
      expect(error?.message).not.toContain(`<${at}>`)
    },
  )

  test('because the body is too large passes by halves, in order, where the halves do', async () => {
    await using receiver = await startReceiver({ answer: ({ body }) => (body.length > 1500 ? { status: 413 } : { status: 200 }) })
    expect(await writeAll({ url: receiver.url }, many(5, 100))).toBeNull()
    expect(receiver.taken.map((each) => each.id)).toEqual(Array.from({ length: 100 }, (_, n) => `${positionAt(5)}-${n}`))
  })

  test('because it is too large by itself is named', async () => {
    const wide = batchOf(5, ...[1, 2, 3, 4].map((id) => insertOf(users, userRow(id, id === 3 ? 'x'.repeat(5000) : 'x'))))
    await using receiver = await startReceiver({ answer: ({ body }) => (body.length > 4000 ? { status: 413 } : { status: 200 }) })
    const error = await writeAll({ url: receiver.url }, wide)
    expect(error).toMatchObject({ code: 'SINK_HTTP_MESSAGE_TOO_LARGE', fields: { id: `${positionAt(5)}-2`, table: 'public.users' } })
    expect(receiver.taken).toHaveLength(2)
  })
})

describe('an endpoint that asks to be left alone', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString()

  test.each([
    [429, () => '0'],
    [503, () => '0'],
    [503, () => inSeconds(-5)],
    [429, () => inSeconds(1)],
  ])('by %s is waited for and sent the same request, under the same id', async (status, header) => {
    let until = 0
    await using receiver = await startReceiver({
      answer(_, at) {
        if (at >= 2) return { status: 200 }
        const retryAfter = header()
        if (at === 0) until = Date.parse(retryAfter) || 0
        return { status, headers: { 'retry-after': retryAfter } }
      },
    })
    expect(await writeAll({ url: receiver.url }, many(5, 3))).toBeNull()
    expect(Date.now()).toBeGreaterThanOrEqual(until)
    expect(receiver.requests.map(idsOf)).toEqual([0, 1, 2].map(() => receiver.once().map(({ id }) => id)))
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  })

  test.each([
    ['1', '1s', 1000],
    ['2', '2s', 2000],
    ['3600', '1s', 1000],
  ])(
    'again and again (%s, at most %s) is in the end left to the pipeline, which waits so long',
    async (header, maxRetryAfter, expected) => {
      await using receiver = await startReceiver({ answer: () => ({ status: 429, headers: { 'retry-after': header } }) })
      expect(await writeAll({ url: receiver.url, maxRetryAfter }, lone)).toMatchObject({ code: 'SINK_HTTP_BUSY', retryAfterMs: expected })
      expect(receiver.requests).toHaveLength(1)
    },
  )

  test('in words that are none is asked again in its own time', async () => {
    await using receiver = await startReceiver({ answer: () => ({ status: 429, headers: { 'retry-after': 'soon' } }) })
    expect(await writeAll({ url: receiver.url }, lone)).toMatchObject({ code: 'SINK_HTTP_BUSY', retryAfterMs: null })
  })

  test('is no longer waited for when the sink is closed', async () => {
    await using receiver = await startReceiver({ answer: () => ({ status: 503, headers: { 'retry-after': '20' } }) })
    const { sink, failures } = openSink({ url: receiver.url })
    await sink.write(lone, signal)
    await expect.poll(() => receiver.requests.length).toBe(1)
    await sink[Symbol.asyncDispose]()
    expect(failures).toEqual([])
  })
})

describe('what may pass', () => {
  test('is repeated for a while, under the same id and signed anew, and told in the log without a value', async () => {
    const answers: Answer[] = [{ status: 500 }, { status: null }, { status: null, taken: true }, { status: 408 }]
    await using receiver = await startReceiver({ answer: (_, at) => answers[at] ?? { status: 200 } })
    const { sink, warnings, failures } = openSink({ url: receiver.url, retryFor: '30s' })
    await sink.write(many(5, 3), signal)
    await sink.write(many(6, 3), signal)
    await sink.flush(signal)
    await sink[Symbol.asyncDispose]()
    expect(failures).toEqual([])
    expect(new Set(receiver.requests.slice(0, 5).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(receiver.once()).toHaveLength(6)
    expect(warnings).toMatchObject([1, 2, 3, 4].map((attempt) => ({ event: 'sink.request.repeated', sink: 'hook', attempt })))
    expect(JSON.stringify(warnings)).not.toMatch(/<\d>/)
  })

  test('is told once it has lasted too long', async () => {
    await using receiver = await startReceiver({ answer: () => ({ status: 500 }) })
    expect(await writeAll({ url: receiver.url, retryFor: '500ms' }, lone)).toMatchObject({ code: 'SINK_HTTP_BUSY' })
    expect(receiver.requests.length).toBeGreaterThan(1)
    expect(receiver.requests.length).toBeLessThanOrEqual(6)
  })

  test.each([400, 401, 404, 301])('is not %s: nothing is repeated', async (status) => {
    await using receiver = await startReceiver({ answer: () => ({ status }) })
    await writeAll({ url: receiver.url, retryFor: '30s' }, lone)
    expect(receiver.requests).toHaveLength(1)
  })
})

describe('an endpoint that', () => {
  test('is not there is told as out of reach', async () => {
    const { port } = await withServer(
      () => {},
      async (bound) => bound,
    )
    const error = await writeAll({ url: `http://127.0.0.1:${port}/x` }, lone)
    expect(error).toMatchObject({ code: 'SINK_HTTP_UNREACHABLE', kind: 'transient' })
    expect(error?.message).toContain('ECONNREFUSED')
  })

  test('has no address is told as out of reach', async () => {
    expect(await writeAll({ url: 'http://nowhere.invalid/' }, lone)).toMatchObject({ code: 'SINK_HTTP_UNREACHABLE', kind: 'transient' })
  })

  test.each<[string, (socket: Socket) => void, string]>([
    ['says nothing', () => {}, 'within 300 ms'],
    ['closes at once', (socket) => socket.end(), 'closed before'],
    ['resets', (socket) => socket.resetAndDestroy(), ''],
    ['closes in the middle of the headers', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'), 'closed before'],
    ['closes in the middle of a 200', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'), ''],
    ['hangs in the middle of a 200', (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'), 'within 300 ms'],
    ['speaks something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'), ''],
  ])('%s has taken nothing for sure: transient', async (_, act, reason) => {
    const error = await withServer(
      (socket) => socket.once('data', () => act(socket)),
      ({ port }) => writeAll({ url: `http://127.0.0.1:${port}/x`, timeout: '300ms' }, lone),
    )
    expect(error).toMatchObject({ code: 'SINK_HTTP_UNREACHABLE', kind: 'transient' })
    expect(error?.message).toContain(reason)
  })

  test('answers a byte now and then is given up too', async () => {
    const drip = (socket: Socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n')
      const timer = setInterval(() => socket.write('x'), 50)
      socket.on('close', () => clearInterval(timer))
    }
    const error = await withServer(
      (socket) => socket.once('data', () => drip(socket)),
      ({ port }) => writeAll({ url: `http://127.0.0.1:${port}/x`, timeout: '300ms' }, lone),
    )
    expect(error?.message).toContain('within 300 ms')
  })

  test('answers more than anybody wants to read has answered', async () => {
    const endless = (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n${'x'.repeat(400_000)}`)
    const error = await withServer(
      (socket) => socket.once('data', () => void endless(socket)),
      ({ port }) => writeAll({ url: `http://127.0.0.1:${port}/x`, timeout: '5s' }, lone),
    )
    expect(error).toBeNull()
  })
})

describe('TLS', () => {
  const pem = (name: string) => readFileSync(join(import.meta.dirname, '../../../test/certs', name), 'utf8')
  const server = { cert: pem('server.crt'), key: pem('server.key') }
  const ca = pem('authority.crt')

  test('an endpoint of an authority that is trusted is written to', async () => {
    await using receiver = await startReceiver({ tls: server })
    expect(await writeAll({ url: receiver.url, tls: { ca } }, lone)).toBeNull()
  })

  test.each([
    ['of no known authority', {}, server, {}],
    ['of another authority', { ca: pem('stranger.crt') }, server, {}],
    ['that has run out', { ca }, { ...server, cert: pem('expired.crt') }, {}],
    ['of another host', { ca }, server, { host: '127.0.0.2' }],
  ])('a certificate %s is refused: a matter for somebody', async (_, tls, certificate, { host = 'localhost' }: { host?: string }) => {
    await using receiver = await startReceiver({ tls: certificate, host: '0.0.0.0' })
    const error = await writeAll({ url: `https://${host}:${receiver.port}/`, tls }, lone)
    expect(error).toMatchObject({ code: 'SINK_HTTP_TLS', kind: 'operator' })
    expect(receiver.requests).toEqual([])
  })

  test('an endpoint that asks for a certificate is shown ours, also with a locked key; one that cannot be shown is a matter for somebody', async () => {
    await using receiver = await startReceiver({ tls: { ...server, ca, requestCert: true, rejectUnauthorized: true } })
    const own = { ca, cert: pem('client.crt'), key: pem('client.key') }
    expect(await writeAll({ url: receiver.url, tls: own }, lone)).toBeNull()
    const locked = { ...own, key: pem('client-locked.key') }
    expect(await writeAll({ url: receiver.url, tls: { ...locked, passphrase: 'opensesame' } }, lone)).toBeNull()
    // All that such a server of Node does is to close the connection.
    expect(await writeAll({ url: receiver.url, tls: { ca } }, lone)).toMatchObject({ code: 'SINK_HTTP_UNREACHABLE' })
    for (const tls of [{ ...locked, passphrase: 'wrong' }, locked, { ...own, key: pem('server.key') }]) {
      const error = await writeAll({ url: receiver.url, tls }, lone)
      expect(error).toMatchObject({ code: 'SINK_HTTP_TLS', kind: 'operator' })
      expect(error?.message).not.toMatch(/opensesame|wrong\b.*pass|BEGIN/)
    }
  })

  test('an endpoint without TLS behind https is a matter for somebody', async () => {
    await using receiver = await startReceiver()
    expect(await writeAll({ url: receiver.url.replace('http:', 'https:') }, lone)).toMatchObject({ code: 'SINK_HTTP_TLS' })
  })
})

describe('a check', () => {
  const check = (settings: Record<string, unknown>) => checkEndpoint(config.parse(settings), 'hook')

  test.each([200, 204, 400, 401, 403, 404, 405, 500, 501])('delivers nothing, and takes %s for an answer', async (status) => {
    await using receiver = await startReceiver({ answer: () => ({ status }) })
    await check({ url: receiver.url, token: 'abc' })
    expect(receiver.requests).toMatchObject([{ method: 'OPTIONS', body: '', headers: { authorization: 'Bearer abc' } }])
  })

  test.each([
    [301, 'SINK_HTTP_REDIRECT'],
    [502, 'SINK_HTTP_BUSY'],
    [503, 'SINK_HTTP_BUSY'],
  ])('finds %s', async (status, code) => {
    await using receiver = await startReceiver({ answer: () => ({ status, headers: { location: 'https://x.example/' } }) })
    await expect(check({ url: receiver.url })).rejects.toMatchObject({ code })
  })

  test('finds that nobody is there, and a certificate that is not trusted', async () => {
    const { port } = await withServer(
      () => {},
      async (bound) => bound,
    )
    await expect(check({ url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({ code: 'SINK_HTTP_UNREACHABLE' })
    const path = (name: string) => join(import.meta.dirname, '../../../test/certs', name)
    await using receiver = await startReceiver({ tls: { cert: readFileSync(path('server.crt')), key: readFileSync(path('server.key')) } })
    await expect(check({ url: receiver.url })).rejects.toMatchObject({ code: 'SINK_HTTP_TLS' })
  })
})

/** A server of bare sockets, for what no HTTP server does. */
async function withServer<T>(accept: (socket: Socket) => void, act: (bound: { port: number }) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await act(server.address() as { port: number }) // it listens on TCP
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}
