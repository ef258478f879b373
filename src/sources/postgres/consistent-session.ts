import { connect, destroyConnection, closeConnection, serverVersionOf, type Connection } from './connection.ts'
import { quoteLiteral } from './catalogue-sql.ts'
import { queryAll } from './query.ts'
import type { SourceAddress } from './source-url.ts'

/** A connection for a transaction that may stay open for hours: no limit of the role or the server may end it. */
export async function connectForLong(url: SourceAddress, gulp: boolean, signal: AbortSignal): Promise<Connection> {
  const connection = await connect(url, { gulp, signal })
  if (serverVersionOf(connection) >= 170_000) await queryAll(connection, `SET transaction_timeout = '0'`)
  // A count or a query that sends nothing for long ends soon after we are gone. Not every platform can do it.
  await queryAll(connection, `SET client_connection_check_interval = '1s'`).catch(() => [])
  return connection
}

export const BEGIN_SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** Connections that share one exported snapshot, each in a transaction of its own. */
export type SnapshotReaders = AsyncDisposable & {
  use<Result>(work: (connection: Connection) => Promise<Result>, signal: AbortSignal): Promise<Result>
  stream<Item>(work: (connection: Connection) => AsyncIterable<Item>, signal: AbortSignal): AsyncIterable<Item>
}

/**
 * Opened when needed, used again, one user at a time. What fails is cut: its transaction is worth nothing any more, and the
 * next one imports the snapshot anew, as long as whoever exported it stays.
 */
export function createSnapshotReaders(url: SourceAddress, snapshot: string): SnapshotReaders {
  const idle: Connection[] = []
  const open = new Set<Connection>()

  async function take(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    for (let found = idle.pop(); found; found = idle.pop()) if (open.has(found)) return found
    const made = await connectForLong(url, true, signal)
    open.add(made)
    made.on('end', () => open.delete(made))
    await queryAll(made, `${BEGIN_SNAPSHOT}; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}`)
    return made
  }

  function discard(connection: Connection): void {
    open.delete(connection)
    destroyConnection(connection)
  }

  async function* stream<Item>(work: (connection: Connection) => AsyncIterable<Item>, signal: AbortSignal): AsyncIterable<Item> {
    const connection = await take(signal)
    const cut = () => discard(connection)
    signal.addEventListener('abort', cut, { once: true })
    let isWhole = false
    try {
      yield* work(connection)
      isWhole = true
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', cut)
      if (isWhole) idle.push(connection)
      else discard(connection)
    }
  }

  return {
    stream,
    async use<Result>(work: (connection: Connection) => Promise<Result>, signal: AbortSignal): Promise<Result> {
      let result: Result | undefined
      for await (const one of stream<Result>(async function* one(connection) {
        yield await work(connection)
      }, signal))
        result = one
      return result as Result // the one that was yielded
    },
    async [Symbol.asyncDispose]() {
      const all = [...open]
      open.clear()
      await Promise.all(all.map((connection) => closeConnection(connection)))
    },
  }
}
