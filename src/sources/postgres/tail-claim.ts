import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { quoteIdentifier, quoteLiteral } from './catalogue-sql.ts'
import { closeConnection, connect, type Connection } from './connection.ts'
import { insertsName } from './publication.ts'
import { isForbidden, queryRows } from './query.ts'
import type { SourceAddress } from './source-url.ts'
import { hasSlot } from './temporary-slot.ts'

/**
 * One look at a database, named in it: its slot and its publications are called so. What is left of a look that was killed
 * is swept by the next one. Never what a living one uses, since a look is dead only where both are true:
 * - nobody holds the advisory lock of its name: a session of the look takes it before anything is made;
 * - no slot has its name: the slot is temporary, so the server keeps it as long as the session that reads.
 */
export type TailClaim = AsyncDisposable & {
  /** Of slot and publication: `millrace_tail_…`. */
  name: string
  /** What the publications' comments say after `millrace:`. No pipeline's name has a colon: theirs are never taken for these. */
  pipeline: string
  connection: Connection
}

/** Any number that nobody else uses as the first half of an advisory lock's key. */
const LOCK_CLASS = 1_414_090_060
const GONE_WITHIN_MS = 3000

/** Claims a name, after sweeping what dead looks left. At its end it removes what bears its name. */
export async function claimTail(url: SourceAddress): Promise<TailClaim> {
  const connection = await connect(url)
  try {
    await sweepDead(connection)
    const id = randomBytes(5).toString('hex')
    const name = `millrace_tail_${id}`
    // A cut network is noticed in a minute rather than in hours, and the lock let go.
    await queryRows(connection, 'SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3')
    await queryRows(connection, `SELECT pg_advisory_lock(${lockKey(name)})::text`)
    return { name, pipeline: `tail:${id}`, connection, [Symbol.asyncDispose]: () => leave(url, connection, name) }
  } catch (error) {
    await closeConnection(connection)
    throw error
  }
}

async function sweepDead(connection: Connection): Promise<void> {
  const rows = await queryRows(
    connection,
    `SELECT pubname::text FROM pg_publication WHERE NOT pg_is_in_recovery() AND pubname ~ '^millrace_tail_[0-9a-f]{10}$'
       AND obj_description(oid, 'pg_publication') = 'millrace:tail:' || right(pubname, 10)`,
  )
  for (const [name] of rows) await sweepIfDead(connection, name ?? '')
}

/** The lock first: whoever holds it cannot be overtaken by a look that makes its slot meanwhile, as names are never used again. */
async function sweepIfDead(connection: Connection, name: string): Promise<void> {
  const [locked] = await queryRows(connection, `SELECT pg_try_advisory_lock(${lockKey(name)})::text`)
  if (locked?.[0] !== 'true') return
  try {
    if (!(await hasSlot(connection, name))) await dropPublications(connection, name)
  } finally {
    await queryRows(connection, `SELECT pg_advisory_unlock(${lockKey(name)})::text`)
  }
}

/** What fails here is left to the next look: it must not hide why this one ended. */
async function leave(url: SourceAddress, connection: Connection, name: string): Promise<void> {
  await remove(connection, name)
    .catch(async () => {
      const another = await connect(url)
      await remove(another, name).finally(() => closeConnection(another))
    })
    .catch(() => {})
  await closeConnection(connection)
}

/** After the slot is gone: a session that still decodes would miss its publication, aloud in the server's log. */
async function remove(connection: Connection, name: string): Promise<void> {
  const giveUpAt = Date.now() + GONE_WITHIN_MS
  while ((await hasSlot(connection, name)) && Date.now() < giveUpAt) await delay(10)
  const rows = await queryRows(connection, `SELECT 'is' FROM pg_publication WHERE pubname = ${quoteLiteral(name)}`)
  if (rows.length > 0) await dropPublications(connection, name)
}

/** Another role's is its own to sweep. */
async function dropPublications(connection: Connection, name: string): Promise<void> {
  const names = [name, insertsName(name)].map(quoteIdentifier).join(', ')
  try {
    await queryRows(connection, `DROP PUBLICATION IF EXISTS ${names}`)
  } catch (error) {
    if (!isForbidden(error)) throw error
  }
}

function lockKey(name: string): string {
  return `${LOCK_CLASS}, hashtext(${quoteLiteral(name)})`
}
