import type pg from 'pg'
import { MillraceError } from '../../errors/millrace-error.ts'
import { openClient, reportedBy, serverVersionOf, streamOf } from './client.ts'
import { isPlainRefusal, isTlsRefusal, toSourceError } from './errors.ts'
import { allFailed, inTryingOrder, endsTheSearch, type HostFailure } from './host-search.ts'
import { nameOf, placeOf, type SourceHost } from './hosts.ts'
import { poolerAt } from './poolers.ts'
import { mismatchOf, roundsOf } from './session-kind.ts'
import { parseSourceUrl, type SessionWanted, type SourceAddress, type SourceTarget } from './source-url.ts'
import { tlsAttempts } from './tls.ts'

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
 * Opens a connection to the first host that answers and is what was wanted; every call walks the whole list, so that
 * after a failover the new primary is found. Throws errors of the table; none holds a password.
 */
export async function connect(source: SourceAddress, options: ConnectOptions = {}): Promise<Connection> {
  const target = typeof source === 'string' ? parseSourceUrl(source) : source
  const failures: HostFailure[] = []
  for (const wanted of roundsOf(target.session)) {
    for (const host of inTryingOrder(target)) {
      try {
        return await connectTo(host, { target, wanted }, options)
      } catch (error) {
        const failure = toSourceError(error, { ...placeFields(target, host), ...options, phase: 'connect' })
        if (options.signal?.aborted || endsTheSearch(failure)) throw failure
        failures.push({ name: nameOf(host), failure })
      }
    }
  }
  throw allFailed(failures)
}

/** Where this connection leads, and nowhere else: for another one that must see what this one made. */
export function sameServer(connection: Connection): SourceTarget {
  const target = LEADS_TO.get(connection)
  if (!target) throw new MillraceError('BUG', { reason: 'a connection was not made by connect' })
  return target
}

/** Lives beside the client, and goes with it. */
const LEADS_TO = new WeakMap<Connection, SourceTarget>()

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

export { serverVersionOf }

async function connectTo(
  host: SourceHost,
  { target, wanted }: { target: SourceTarget; wanted: SessionWanted },
  options: ConnectOptions,
): Promise<Connection> {
  refusePooler(host, target, options)
  const connection = await connectEitherWay(host, target, options)
  const mismatch = mismatchOf(wanted, reportedBy(connection))
  LEADS_TO.set(connection, only(target, host))
  if (mismatch === null) return connection
  await closeConnection(connection)
  const reason = `${mismatch} (target_session_attrs=${wanted})`
  throw new MillraceError('SOURCE_UNREACHABLE', { host: nameOf(host), reason })
}

/** What its address tells is said before anything is tried: some poolers would only lose our settings, in silence. */
function refusePooler(host: SourceHost, { user }: SourceTarget, { replication = false }: ConnectOptions): void {
  const pooler = poolerAt(placeOf(host), host.port, user)
  if (pooler === null || (pooler.keeps === 'session' && !replication)) return
  const reason = `${nameOf(host)} is its address`
  throw new MillraceError('SOURCE_POOLER', { pooler: pooler.name, reason, instead: pooler.instead })
}

/** With and without TLS, in the order that sslmode says. */
async function connectEitherWay(host: SourceHost, target: SourceTarget, options: ConnectOptions): Promise<Connection> {
  const { replication = false, gulp = false, signal } = options
  const attempts = tlsAttempts(target.tls, placeOf(host))
  for (const [index, useTls] of attempts.entries()) {
    try {
      return await openClient(target, { host, useTls, replication, gulp, signal })
    } catch (error) {
      const isLast = index === attempts.length - 1
      if (isLast || !(useTls ? isTlsRefusal(error) : isPlainRefusal(error))) throw error
    }
  }
  throw new MillraceError('BUG', { reason: 'no way to connect was tried' })
}

/** The password does not enumerate, so a spread leaves it out. */
function only(target: SourceTarget, host: SourceHost): SourceTarget {
  const one = { ...target, hosts: [host] }
  return Object.defineProperty(one, 'password', { value: target.password, enumerable: false }) as SourceTarget // the one property added
}

function placeFields({ user, database, password }: SourceTarget, host: SourceHost) {
  return { host: nameOf(host), port: host.port, user, database, password }
}
