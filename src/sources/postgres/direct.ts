import { MillraceError } from '../../errors/millrace-error.ts'
import { processOf } from './client.ts'
import { closeConnection, connect, sameServer, type Connection } from './connection.ts'
import { queryRows } from './query.ts'

/**
 * Throws where a pooler stands between, or where the role may not replicate: asked before a run has made anything.
 * A pooler that keeps whole sessions and passes replication on is none for our purposes.
 */
export async function assertDirect(connection: Connection): Promise<void> {
  await assertWholeSessions(connection)
  try {
    await closeConnection(await connect(sameServer(connection), { replication: true }))
  } catch (error) {
    // One of those in use may be what a run of ours left behind: it is ended later, and then there is one.
    if (!(error instanceof MillraceError) || error.code !== 'SLOTS_EXHAUSTED') throw error
  }
}

/**
 * Behind a pooler of transactions the words of our sessions (docs/specs/snapshots.md, clause 9) hold for nobody in particular.
 * A pooler names a process of its own at the login; so do some proxies that pass everything on. Two connections that are open
 * at once and are served by one process tell them apart.
 */
export async function assertWholeSessions(connection: Connection): Promise<void> {
  const own = await servingProcess(connection)
  if (own === processOf(connection)) return
  const other = await connect(sameServer(connection))
  try {
    if ((await servingProcess(other)) !== own) return
    const reason = 'two sessions that are open at once are served by one process, so what is set in one is lost'
    throw new MillraceError('SOURCE_POOLER', { pooler: 'A pooler of transactions', reason, instead: "the server's own host and port" })
  } finally {
    await closeConnection(other)
  }
}

async function servingProcess(connection: Connection): Promise<number> {
  const [row] = await queryRows(connection, 'SELECT pg_catalog.pg_backend_pid()::text')
  return Number(row?.[0] ?? 0)
}
