import { Socket } from 'node:net'
import pg from 'pg'
import { MillraceError } from '../../errors/millrace-error.ts'
import { sqlstateOf } from './errors.ts'
import { GulpSocket } from './gulp-socket.ts'
import { isSocket, placeOf, type SourceHost } from './hosts.ts'
import { createLoginGuard, type LoginGuard } from './login-guard.ts'
import type { Reported } from './session-kind.ts'
import type { SourceTarget } from './source-url.ts'
import { tlsOptions } from './tls.ts'

/** One attempt at one host. */
export type Attempt = { host: SourceHost; useTls: boolean; replication: boolean; gulp: boolean; signal: AbortSignal | undefined }

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
/** A limit of newer servers; unknown to older ones. */
const SET_17 = `SET transaction_timeout = '0'`

const OLDEST = 140_000

/** A client that is logged in and has our settings. Throws pg's own errors, and those of the table that are ours to say. */
export async function openClient(target: SourceTarget, attempt: Attempt): Promise<pg.Client> {
  const guard = createLoginGuard(target, attempt.host)
  const client = new pg.Client(configOf(target, attempt, guard))
  // Without a listener a break between two statements would end the process; the next statement reports it.
  client.on('error', () => {})
  guard.watch(insideOf(client).connection)
  noteReported(client)
  const tlsFailure = watchTls(client)
  const giveUp = () => streamOf(client).destroy()
  // pg's own limit ends with the login: a pooler that has no server left answers no statement either.
  const timer = setTimeout(() => streamOf(client).destroy(new Error('timeout expired')), target.connectTimeoutMs)
  attempt.signal?.addEventListener('abort', giveUp, { once: true })
  try {
    attempt.signal?.throwIfAborted()
    await client.connect()
    guard.assertAllowed()
    await prepare(client, attempt)
    return client
  } catch (error) {
    giveUp()
    throw await tlsFailure(error)
  } finally {
    clearTimeout(timer)
    attempt.signal?.removeEventListener('abort', giveUp)
  }
}

/** What the server reported of itself. */
export function reportedBy(client: pg.Client): Reported {
  return REPORTED.get(client) ?? new Map()
}

/** The server's number, e.g. 150018, as it said at the start of the session; 0 where it said nothing. */
export function serverVersionOf(client: pg.Client): number {
  return versionNumber(reportedBy(client).get('server_version') ?? '')
}

/** The process that the server says it serves us by; what stands between may say another. */
export function processOf(client: pg.Client): number {
  return (client as unknown as { processID: number | null }).processID ?? 0 // public in pg, missing in its types
}

/** What bytes go through: the socket, or TLS above it. */
export function streamOf(client: pg.Client): Inside['connection']['stream'] {
  return insideOf(client).connection.stream
}

/** What the server reported lives beside the client, and goes with it. */
const REPORTED = new WeakMap<pg.Client, Map<string, string>>()

async function prepare(client: pg.Client, { replication }: Attempt): Promise<void> {
  const version = serverVersionOf(client)
  // First: an older server does not know some of the settings.
  checkVersion(version)
  await client.query(version >= 170_000 ? `${SET_ALL}; ${SET_17}` : SET_ALL)
  if (replication) await assertWalsender(client)
}

/** Some poolers drop `replication` in silence and give an ordinary session, to which this is no statement. */
async function assertWalsender(client: pg.Client): Promise<void> {
  try {
    await client.query('IDENTIFY_SYSTEM')
  } catch (error) {
    if (sqlstateOf(error) !== '42601') throw error
    throw new MillraceError('SOURCE_POOLER', {
      pooler: 'a connection pooler',
      reason: 'asked for a replication connection, it gave an ordinary one',
      instead: "the server's own host and port",
    })
  }
}

function configOf(target: SourceTarget, { host, useTls, replication, gulp }: Attempt, guard: LoginGuard): pg.ClientConfig {
  return {
    host: placeOf(host),
    port: host.port,
    user: target.user,
    database: target.database,
    password: guard.password,
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: target.keepAlive,
    keepAliveInitialDelayMillis: target.keepAliveDelayMs,
    ssl: useTls ? tlsOptions(target.tls) : false,
    enableChannelBinding: target.bindsChannel,
    ...(target.options ? { options: target.options } : {}),
    stream: () => socketFor(host, gulp),
    // Missing in pg's types. Said always: left out, pg would look into the environment by itself.
    ...({ sslnegotiation: useTls && target.tls.isDirect ? 'direct' : 'postgres', replication: replication ? 'database' : '' } as object),
  }
}

/** Under pg's own hands but for an address that stands for the name: TLS still compares the name. */
function socketFor({ address, host }: SourceHost, gulp: boolean): Socket | GulpSocket {
  const socket = gulp ? new GulpSocket() : new Socket()
  if (address === undefined || isSocket(host)) return socket
  const connect = socket.connect.bind(socket) as (port: number, host: string) => never // the one form pg uses for TCP
  return Object.assign(socket, { connect: (port: number) => connect(port, address) })
}

/** A handshake that fails closes the socket below first, and pg reports that: the reason comes a moment later. */
function watchTls(client: pg.Client): (error: unknown) => Promise<unknown> {
  let failure: Error | null = null
  insideOf(client).connection.on('sslconnect', () => streamOf(client).once('error', (error: Error) => (failure = error)))
  return async (error) => {
    await new Promise((resolve) => setImmediate(resolve))
    return error instanceof MillraceError ? error : (failure ?? error)
  }
}

function noteReported(client: pg.Client): void {
  const reported = new Map<string, string>()
  REPORTED.set(client, reported)
  insideOf(client).connection.on('parameterStatus', ({ parameterName, parameterValue }) => reported.set(parameterName, parameterValue))
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

function insideOf(client: pg.Client): Inside {
  return client as unknown as Inside
}
