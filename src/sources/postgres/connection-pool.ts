import { closeConnection, connect, destroyConnection, type Connection } from './connection.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { parseSourceUrl, type SourceAddress } from './source-url.ts'

/** Sessions for reading: opened when needed, used again, one user at a time. Bounded by how many ask at once. */
export type ConnectionPool = AsyncDisposable & {
  /** Lends a connection. When `work` throws or `signal` aborts, it is cut: whatever it was in the middle of ends there. */
  use<Result>(work: (connection: Connection) => Promise<Result>, signal?: AbortSignal): Promise<Result>
  /** The same for a stream of results: the connection is lent until the stream ends or is left. */
  stream<Item>(work: (connection: Connection) => AsyncIterable<Item>, signal?: AbortSignal): AsyncIterable<Item>
}

export function createConnectionPool(source: SourceAddress): ConnectionPool {
  const target = typeof source === 'string' ? parseSourceUrl(source) : source
  const idle: Connection[] = []
  const open = new Set<Connection>()
  let isOver = false

  async function take(): Promise<Connection> {
    for (let found = idle.pop(); found; found = idle.pop()) if (open.has(found)) return found
    const made = await connect(target, { gulp: true })
    // Asked for before the end and there after it: nobody would close it, and the process would never end.
    if (isOver) {
      destroyConnection(made)
      throw new MillraceError('SOURCE_LOST', { reason: 'it was closed while it was being made' })
    }
    open.add(made)
    // A connection that breaks while it lies here must not be lent again.
    made.on('end', () => open.delete(made))
    return made
  }

  function discard(connection: Connection): void {
    open.delete(connection)
    destroyConnection(connection)
  }

  async function use<Result>(work: (connection: Connection) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted()
    const connection = await take()
    const cut = () => discard(connection)
    signal?.addEventListener('abort', cut, { once: true })
    try {
      const result = await work(connection)
      idle.push(connection)
      return result
    } catch (error) {
      discard(connection)
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', cut)
    }
  }

  async function* stream<Item>(work: (connection: Connection) => AsyncIterable<Item>, signal?: AbortSignal): AsyncIterable<Item> {
    signal?.throwIfAborted()
    const connection = await take()
    const cut = () => discard(connection)
    signal?.addEventListener('abort', cut, { once: true })
    let isWhole = false
    try {
      yield* work(connection)
      isWhole = true
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', cut)
      if (isWhole) idle.push(connection)
      else discard(connection)
    }
  }

  async function dispose(): Promise<void> {
    isOver = true
    const all = [...open]
    open.clear()
    idle.length = 0
    await Promise.all(all.map((connection) => closeConnection(connection)))
  }
  return { use, stream, [Symbol.asyncDispose]: dispose }
}
