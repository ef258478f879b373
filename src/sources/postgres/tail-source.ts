import type { SourceContext, TailOptions } from '../../contracts/definition.ts'
import type { LogHealth, LogState, Source } from '../../contracts/source.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { assertServer } from './check-server.ts'
import { postgresConfig, type PostgresConfig } from './config.ts'
import { createConnectionPool } from './connection-pool.ts'
import { destroyConnection, serverVersionOf, type Connection } from './connection.ts'
import { createRelationDescriber } from './describe-relations.ts'
import { discoverTables } from './discover.ts'
import { createNudger } from './nudge.ts'
import type { Publications } from './publication.ts'
import { queryRows } from './query.ts'
import { createRelationMemory } from './relation-memory.ts'
import { openSession } from './session.ts'
import { readHead, readHealth } from './slot.ts'
import { createSnapshotReader } from './snapshot-reader.ts'
import { createStream, type Stream } from './stream.ts'
import { claimTail, type TailClaim } from './tail-claim.ts'
import { arePublished, findTailPublications, ownOptions } from './tail-publication.ts'
import { targetOf } from './target.ts'
import { createTemporarySlot, type TemporarySlot } from './temporary-slot.ts'

/** A question to the catalogue waits for no lock: past this the connection is dead. */
const ANSWER_MS = 30_000
const STANDBY_HEALTH: LogHealth = { retainedBytes: null, safeBytes: null, active: true, state: 'ok' }

/**
 * A database looked at: the log is read by a temporary slot, which goes with the session whatever becomes of us, and by a
 * publication that is there or that goes with the look. It cannot be read twice: once its connection is lost, so is the slot.
 */
export async function openTail(given: PostgresConfig, context: SourceContext, options: TailOptions): Promise<Source> {
  const config = postgresConfig.parse({ ...given, ...(options.tables.length > 0 ? { tables: [...options.tables] } : {}) })
  const target = targetOf(config, context.pipeline)
  const pool = createConnectionPool(target)
  const memory = createRelationMemory(context.state, () => {})
  const warned = new Set<number>()
  let isStandby = false
  let claim: TailClaim | null = null
  let slot: TemporarySlot | null = null
  let publications: Publications | null = null
  let stream: Stream | null = null
  let isRead = false

  const known = () => {
    if (publications === null || claim === null) throw new MillraceError('BUG', { reason: 'a look is read before it was begun' })
    return { publications, claim }
  }
  const scope = () => known().publications.scope
  const describe = createRelationDescriber({
    withConnection: (work) => pool.use(work, AbortSignal.timeout(ANSWER_MS)),
    scope,
    memory,
    isOurs: ({ schema, name }) => scope().wantsTable(`${schema}.${name}`),
  })
  const assertPublished = async () => {
    const { names } = known().publications
    if (await pool.use((connection) => arePublished(connection, names))) return
    throw new MillraceError('TAIL_PUBLICATION_MISSING', { publication: names[0] ?? '', nearest: ' any more' })
  }

  return {
    async inspect() {
      const { state, standby } = await pool.use((connection) => inspectServer(connection, options))
      isStandby = standby
      return state
    },
    async begin() {
      claim = await claimTail(target)
      const { name, pipeline, connection } = claim
      publications = await findTailPublications(connection, { config, options, pipeline, isStandby })
      await memory.start(publications.tables)
      slot = await createTemporarySlot(connection, { slot: name, withRows: options.withRows, signal: options.signal })
      const which = publications.names[0] ?? ''
      options.notice(`Looking through the publication ${which}${publications.ours ? ', made for this look and removed at its end' : ''}.`)
      return slot
    },
    end: async () => {},
    tables: async () => known().publications.tables.map(({ table }) => table),
    async *read(from, signal) {
      const { publications: now, claim: own } = known()
      if (slot === null || isRead) throw new MillraceError('BUG', { reason: 'a look is read twice' })
      isRead = true
      const { walsender } = slot
      const session = {
        url: target,
        slot: own.name,
        publications: now.names,
        // A server that shuts down waits until all that it sent is acknowledged, be it nothing.
        acknowledged: from,
        slotWaitMs: 0,
        walsender,
        remember: async () => {},
      }
      stream = createStream(
        from,
        {
          batchBytes: context.batchBytes,
          describe,
          open: (start, events, abort) => openSession({ ...session, from: start }, events, abort),
        },
        signal,
      )
      try {
        yield* stream
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'PUBLICATION_LOST') await assertPublished()
        throw error
      }
    },
    acknowledge: (position) => stream?.acknowledge(position),
    head: () => pool.use(readHead),
    nudge: createNudger({ pool, ask: (position) => stream?.nudge(position) }),
    snapshots: createSnapshotReader(pool, scope),
    async discover(tables) {
      await assertPublished()
      if (!known().publications.ours) return { joined: [], left: [] }
      const looking = {
        ...ownOptions({ config, pipeline: known().claim.pipeline }),
        known: tables,
        log: context.log,
        warned,
        isMissed: () => false,
      }
      const found = await pool.use((connection) => discoverTables(connection, looking))
      await memory.start(found.publications.tables)
      publications = found.publications
      return { joined: found.joined, left: found.left }
    },
    scan() {
      throw new MillraceError('BUG', { reason: 'a look is not scanned' })
    },
    health: async () => (isStandby ? STANDBY_HEALTH : pool.use((connection) => readHealth(connection, known().claim.name))),
    async [Symbol.asyncDispose]() {
      if (slot !== null) destroyConnection(slot.walsender)
      await pool[Symbol.asyncDispose]()
      await claim?.[Symbol.asyncDispose]()
    },
  }
}

/** A look begins anew each time: what the log says of itself only tells one server from another. */
async function inspectServer(connection: Connection, { withRows }: TailOptions): Promise<{ state: LogState; standby: boolean }> {
  const [standby] = await queryRows(connection, 'SELECT pg_is_in_recovery()::text')
  const isStandby = standby?.[0] === 'true'
  if (!isStandby) await assertServer(connection)
  else if (serverVersionOf(connection) < 160_000)
    throw new MillraceError('TAIL_STANDBY', { reason: 'Postgres follows changes from version 16 on' })
  else if (withRows)
    throw new MillraceError('TAIL_STANDBY', { reason: 'running transactions cannot be seen, so its rows are not copied exactly' })
  const [row = []] = await queryRows(
    connection,
    'SELECT system_identifier::text, timeline_id::text FROM pg_control_system(), pg_control_checkpoint()',
  )
  const head = await readHead(connection)
  return { standby: isStandby, state: { system: row[0] ?? '', timeline: Number(row[1] ?? 0), head, ended: [], reader: null } }
}
