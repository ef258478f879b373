import { checkServerIdentity, type ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { MillraceError } from '../../errors/millrace-error.ts'
import { isPlainRefusal, isTlsRefusal, toSourceError } from './errors.ts'
import { GulpSocket } from './gulp-socket.ts'
import { parseSourceUrl, type SourceTarget } from './source-url.ts'

/** A connected `pg` client with Millrace's settings. Whoever opened it ends it, by `closeConnection`. */
export type Connection = pg.Client

export type ConnectOptions = {
  /** Opens a walsender for logical replication instead of an ordinary session. */
  replication?: boolean
  /** Reads in gulps while there is a backlog (see gulp-socket.ts): for replication and COPY. */
  gulp?: boolean
  /** Gives up connecting. The open connection does not listen to it. */
  signal?: AbortSignal
}

/**
 * The same words on both ways (docs/specs/snapshots.md, clause 9): the copy's text and the log's text must be equal, so
 * the walsender gets exactly what every other connection gets. No time limit of the role may end a long copy.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  // First: the role's own limit holds until it is set.
  statement_timeout: '0',
  client_encoding: 'UTF8',
  datestyle: 'ISO, MDY',
  intervalstyle: 'iso_8601',
  timezone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmloption: 'content',
  lc_monetary: 'C',
  search_path: '',
  row_security: 'off',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
}

const SET_ALL = Object.entries(SETTINGS)
  .map(([name, value]) => `SET ${name} = '${value}'`)
  .join('; ')

const KEEPALIVE_DELAY_MS = 10_000
const OLDEST = 140_000

/** Opens a connection as the URL says. Throws errors of the table; none holds the password. */
export async function connect(source: string | SourceTarget, options: ConnectOptions = {}): Promise<Connection> {
  const target = typeof source === 'string' ? parseSourceUrl(source) : source
  const attempts = attemptsOf(target)
  for (const [index, useTls] of attempts.entries()) {
    try {
      return await connectOnce(target, options, useTls)
    } catch (error) {
      const isLast = index === attempts.length - 1
      if (isLast || !(useTls ? isTlsRefusal(error) : isPlainRefusal(error)))
        throw toSourceError(error, { ...target, ...options, phase: 'connect' })
    }
  }
  throw new MillraceError('BUG', { reason: 'no way to connect was tried' })
}

/** Ends it politely; where the other side does not answer, without. Never throws. */
export async function closeConnection(connection: Connection, withinMs = 1000): Promise<void> {
  const timer = setTimeout(() => destroyConnection(connection), withinMs)
  await connection.end().catch(() => {})
  clearTimeout(timer)
}

/**
 * Ends it without waiting for what it was doing. What was written last still arrives: cut at once, with bytes of the
 * other side unread here, the kernel would answer them with a reset, and a reset throws away what we sent.
 */
export function hangUp(connection: Connection, withinMs = 250): void {
  const stream = streamOf(connection)
  const timer = setTimeout(() => stream.destroy(), withinMs).unref()
  stream.once('close', () => clearTimeout(timer))
  stream.end()
}

/** Cuts it at once: whatever it was doing ends with an error on both sides. */
export function destroyConnection(connection: Connection): void {
  streamOf(connection).destroy()
}

/** The server's number, e.g. 150018, as it said at the start of the session. */
export function serverVersionOf(connection: Connection): number {
  return VERSIONS.get(connection) ?? 0
}

/** What the server reported of itself lives beside the client, and goes with it. */
const VERSIONS = new WeakMap<Connection, number>()

async function connectOnce(target: SourceTarget, options: ConnectOptions, useTls: boolean): Promise<Connection> {
  const client = new pg.Client(configOf(target, options, useTls))
  // Without a listener a break between two statements would end the process; the next statement reports it.
  client.on('error', () => {})
  noteVersion(client)
  const giveUp = () => destroyConnection(client)
  options.signal?.addEventListener('abort', giveUp, { once: true })
  try {
    options.signal?.throwIfAborted()
    await client.connect()
    // First: an older server does not know some of the settings.
    checkVersion(serverVersionOf(client))
    await client.query(SET_ALL)
    return client
  } catch (error) {
    destroyConnection(client)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', giveUp)
  }
}

function configOf(target: SourceTarget, options: ConnectOptions, useTls: boolean): pg.ClientConfig {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    password: target.password,
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    ssl: useTls ? tlsOptionsOf(target) : false,
    ...(target.options ? { options: target.options } : {}),
    ...(options.gulp ? { stream: () => new GulpSocket() } : {}),
    // `replication` is pg's, but missing in its types.
    ...(options.replication ? ({ replication: 'database' } as object) : {}),
  }
}

/** Which ways to try, in order. Unix sockets know no TLS, whatever the mode (as in libpq). */
function attemptsOf(target: SourceTarget): readonly boolean[] {
  if (target.host.startsWith('/')) return [false]
  if (target.tls === 'disable') return [false]
  if (target.tls === 'allow') return [false, true]
  return target.tls === 'prefer' ? [true, false] : [true]
}

function tlsOptionsOf(target: SourceTarget): ConnectionOptions {
  const verifiesChain = target.tls === 'verify-ca' || target.tls === 'verify-full'
  return {
    ...target.certificates,
    // The key is hidden from inspection, so the spread above leaves it out.
    ...(target.certificates.key === undefined ? {} : { key: target.certificates.key }),
    rejectUnauthorized: verifiesChain,
    checkServerIdentity: target.tls === 'verify-full' ? checkServerIdentity : () => undefined,
  }
}

function noteVersion(client: Connection): void {
  insideOf(client).connection.on('parameterStatus', (status) => {
    if (status.parameterName === 'server_version') VERSIONS.set(client, versionNumber(status.parameterValue))
  })
}

function checkVersion(version: number): void {
  if (version === 0 || version >= OLDEST) return
  throw new MillraceError('SOURCE_TOO_OLD', { version: `${Math.floor(version / 10_000)}.${version % 10_000}` })
}

/** `15.18 (Debian …)` → 150018; a development version `19devel` → 190000. */
function versionNumber(text: string): number {
  const [, major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(text) ?? []
  return Number(major) * 10_000 + Number(minor)
}

/** pg keeps these public but untyped: pinned by the exact version in package.json, held by connection.pg.test.ts. */
type Inside = {
  connection: NodeJS.EventEmitter & { stream: NodeJS.WritableStream & { destroy(error?: Error): void } }
}

function insideOf(client: Connection): Inside {
  return client as unknown as Inside
}

function streamOf(client: Connection): Inside['connection']['stream'] {
  return insideOf(client).connection.stream
}
