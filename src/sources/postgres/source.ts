import type { SourceContext } from '../../contracts/definition.ts'
import type { Source, SourceControl } from '../../contracts/source.ts'
import type { Table } from '../../contracts/table.ts'
import { MillraceError, toMillraceError } from '../../errors/millrace-error.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import { createConnectionPool } from './connection-pool.ts'
import { assertServer } from './check-server.ts'
import { createSlot } from './create-slot.ts'
import { assertDirect } from './direct.ts'
import { assertFailover, ensureFailover } from './failover.ts'
import { createRelationDescriber } from './describe-relations.ts'
import { discoverTables } from './discover.ts'
import { findEmpty } from './leaf-memory.ts'
import { createMissedTables } from './missed-tables.ts'
import { createNudger } from './nudge.ts'
import { createQuietRewrites } from './quiet-rewrites.ts'
import { rememberReader } from './reader.ts'
import { createRelationMemory, knownOf } from './relation-memory.ts'
import { ensurePublications, findPublications, type PublicationOptions, type Publications } from './publication.ts'
import { viewPublications } from './view-publications.ts'
import { scanTable } from './scan.ts'
import { openSession, type SessionOptions } from './session.ts'
import { dropSlot, forgetSlot, inspectLog, readHead, readHealth, waitForSlot } from './slot.ts'
import { createSnapshotReader } from './snapshot-reader.ts'
import { createStream, type Stream } from './stream.ts'
import { targetOf } from './target.ts'
import { readTimelineHistory } from './timeline-history.ts'

const SLOT_WAIT_MS = 15_000
/** A question to the catalogue waits for no lock: past this the connection is dead. */
const ANSWER_MS = 30_000

/** A Postgres database as a source. Connects when it is first asked something. */
export async function openPostgres(config: PostgresConfig, context: SourceContext): Promise<Source> {
  const { pipeline, keyNeededBy, state, log, batchBytes } = context
  const { slot } = namesOf(config, pipeline)
  const failover = config.failover ?? false
  const target = targetOf(config, pipeline)
  const pool = createConnectionPool(target)
  const warned = new Set<number>()
  /** What is known of the publications; only a run, which begins by `inspect`, brings them in step with the configuration. */
  let publications: Publications | null = null
  let isRun = false
  let stream: Stream | null = null
  let acknowledged: string | null = null

  const unwritten = (error: unknown) => log.error('relations-unwritten', { code: toMillraceError(error).code })
  const memory = createRelationMemory(state, unwritten)
  const missed = createMissedTables(state, unwritten)
  /** Missed tables that the last `discover` told; once it is asked again, the core has written that down. */
  let toldMissed: readonly number[] = []
  const entering = async (ids: readonly number[]) => missed.mark(await memory.remembered(ids))
  const options = (onRefused: PublicationOptions['onRefused']) => ({ pipeline, config, keyNeededBy, onRefused, entering })
  const quiet = createQuietRewrites(memory)
  const emptyOf = (ids: readonly number[]) => pool.use((connection) => findEmpty(connection, ids))
  /** Tables of which other rows or columns are sent than were, or nothing was for a while, since the last run. */
  let sentOtherwise: readonly Table[] = []

  const prepare = async () => {
    if (publications) return publications
    const found = await pool.use((connection) => ensurePublications(connection, options('throw')))
    await missed.load()
    const otherwise = new Set((await memory.start(found.tables, emptyOf)).map(({ id }) => id))
    sentOtherwise = found.tables.map(({ table }) => table).filter(({ id }) => otherwise.has(id) || missed.has(id))
    return (publications = found)
  }
  const view = async () => (publications ??= await pool.use((connection) => viewPublications(connection, options('leave-out'))))
  const scope = () => {
    if (publications === null) throw new MillraceError('BUG', { reason: 'the publications are asked for before they are known' })
    return publications.scope
  }

  /** What changed while a publication did not exist is in no log: to make it again would hide the gap. */
  const checkPublished = async () => {
    const found = await pool.use((connection) => findPublications(connection, { pipeline, config }))
    const lost = found.names.find((name) => !found.existing.includes(name))
    if (lost !== undefined) throw new MillraceError('PUBLICATION_LOST', { publication: lost })
  }

  const describe = createRelationDescriber({
    withConnection: (work) => pool.use(work, AbortSignal.timeout(ANSWER_MS)),
    scope,
    memory,
    isOurs: ({ id, schema, name }) => scope().wantsTable(`${schema}.${name}`) || publications!.tables.some(({ table }) => table.id === id), // scope() has checked
  })

  const sessionOptions = (from: string): SessionOptions => ({
    url: target,
    slot,
    publications: publications?.names ?? [],
    from,
    acknowledged,
    slotWaitMs: SLOT_WAIT_MS,
    remember: (walsender) => rememberReader(walsender, state),
  })

  async function* read(from: string, signal: AbortSignal): ReturnType<Stream[typeof Symbol.asyncIterator]> {
    if (signal.aborted) return
    await checkPublished()
    const { tables } = await prepare()
    yield* readAgain(from)
    quiet.notice(tables, await pool.use(readHead))
    const open: Parameters<typeof createStream>[1]['open'] = (start, events, abort) => openSession(sessionOptions(start), events, abort)
    const reading = createStream(from, { batchBytes, describe, open }, signal)
    stream = reading
    try {
      yield* quiet.through(reading, from)
    } finally {
      if (stream === reading) stream = null
    }
  }

  /** The reading starts by saying so: whatever comes after is of the new kind, and the rows before it were not. */
  async function* readAgain(from: string): AsyncGenerator<SourceControl> {
    if (sentOtherwise.length === 0) return
    const head = await pool.use(readHead)
    for (const table of sentOtherwise) {
      yield { kind: 'control', event: 'schema', log: '', table, previous: null, end: from, carry: '', audience: null, reread: true }
      const now = publications?.tables.find((found) => found.table.id === table.id)
      if (now) memory.note(table.id, knownOf(now), head)
      missed.told(table.id, head)
    }
    sentOtherwise = []
  }

  const nudge = createNudger({ pool, ask: (position) => stream?.nudge(position) })

  return {
    async inspect(followed) {
      isRun = true
      const log = await pool.use(async (connection) => {
        await assertServer(connection)
        assertFailover(connection, failover)
        await assertDirect(connection)
        const log = await inspectLog(connection, slot, state)
        // Before anything is delivered: what a slot that another process reads still holds is not ours to say.
        if (log.reader === null) return log
        await waitForSlot(connection, slot, { state })
        if (failover && !log.reader.lost) await ensureFailover(connection, slot)
        return inspectLog(connection, slot, state)
      })
      if (followed === undefined || followed === log.timeline) return log
      return { ...log, ended: await readTimelineHistory(target, log.timeline) }
    },
    async begin() {
      await prepare()
      return pool.use((connection) => createSlot(connection, { slot, state, log, failover }))
    },
    async end() {
      publications = null
      await pool.use((connection) => dropSlot(connection, slot, state))
      await forgetSlot(state)
      await memory.forget()
      await missed.forget()
    },
    tables: async () => (isRun ? await prepare() : await view()).tables.map(({ table }) => table),
    read: (from, signal) => ({ [Symbol.asyncIterator]: () => read(from, signal) }),
    acknowledge(position) {
      if (position.length !== 16 || (acknowledged !== null && position <= acknowledged)) return
      acknowledged = position
      memory.acknowledged(position)
      missed.acknowledged(position)
      stream?.acknowledge(position)
    },
    head: () => pool.use(readHead),
    nudge,
    snapshots: createSnapshotReader(pool, scope),
    async discover(known) {
      await checkPublished()
      if (toldMissed.length > 0) {
        const behind = await pool.use(readHead)
        for (const id of toldMissed) missed.told(id, behind)
      }
      const looking = { pipeline, config, keyNeededBy, known, log, warned, entering, isMissed: missed.has }
      const found = await pool.use((connection) => discoverTables(connection, looking))
      await memory.start(found.publications.tables, emptyOf)
      publications = found.publications
      const head = await pool.use(readHead)
      toldMissed = found.joined.map(({ id }) => id).filter(missed.has)
      // Where the log stands still nothing comes that could carry the news: what is written now does.
      if (quiet.notice(found.publications.tables, head) && stream) nudge(head, Infinity)
      return { joined: found.joined, left: found.left }
    },
    async *scan(table, keys, signal) {
      await view()
      yield* scanTable(pool, { table, keys, scope: scope() }, signal)
    },
    health: () => pool.use((connection) => readHealth(connection, slot)),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}
