import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { checkPostgres } from './check.ts'
import { postgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { dropFromSource } from './drop.ts'
import { ensurePublications } from './publication.ts'
import { readSnapshot } from './running.ts'
import { createSlot } from './create-slot.ts'
import { dropSlot, inspectLog, readHead, readHealth, waitForSlot } from './slot.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

function memoryState() {
  const facts = new Map<string, unknown>()
  return {
    facts,
    get: async (key: string) => facts.get(key),
    set: async (entries: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(entries)) facts.set(key, JSON.parse(JSON.stringify(value)))
    },
    delete: async (key: string) => {
      facts.delete(key)
    },
  }
}

describe.each(testedMajors([14, 18]))('the slot on Postgres %i', (major) => {
  let server: PostgresServer
  let count = 0
  beforeAll(async () => {
    server = await startPostgres(major, { synchronous_standby_names: "'nobody'", synchronous_commit: 'local' })
  })
  afterAll(() => server.stop())

  async function open() {
    const database = await server.createDatabase()
    const url = server.url(database)
    const slot = `slot_${++count}`
    const connection = await connect(url)
    const state = memoryState()
    return {
      database,
      url,
      slot,
      connection,
      state,
      create: () => createSlot(connection, { slot, state, log: silent, failover: false }),
      inspect: () => inspectLog(connection, slot, state),
      [Symbol.asyncDispose]: async () => {
        await dropSlot(connection, slot, state)
        await closeConnection(connection)
      },
    }
  }

  test('is made at a position, is ours, and is gone after its end', async () => {
    await using db = await open()
    expect((await db.inspect()).reader).toBeNull()
    const { position, running } = await db.create()
    expect(position).toMatch(/^[0-9A-F]{16}$/)
    expect(running).toEqual([])
    const log = await db.inspect()
    expect(log.system).toMatch(/^\d{10,}$/)
    expect(log.timeline).toBe(1)
    expect(log.reader).toEqual({ confirmed: position, lost: false, ours: true })
    expect(log.head >= position).toBe(true)
    expect(await readHealth(db.connection, db.slot)).toMatchObject({ active: false, state: 'ok', safeBytes: null })
    await dropSlot(db.connection, db.slot, db.state)
    expect((await db.inspect()).reader).toBeNull()
    expect((await readHealth(db.connection, db.slot)).state).toBe('missing')
  })

  test('made again behind our back it is somebody else’s', async () => {
    await using db = await open()
    await db.connection.query(`SELECT pg_create_logical_replication_slot('${db.slot}', 'pgoutput')`)
    expect((await db.inspect()).reader?.ours).toBe(false)
    const adopted = await db.create()
    expect(adopted.position).toBe((await db.inspect()).reader?.confirmed)
    expect((await db.inspect()).reader?.ours).toBe(true)
  })

  test('a slot whose making was cut short counts as none and is made anew', async () => {
    await using db = await open()
    const first = await db.create()
    await db.state.set({ 'postgres/slot': { slot: db.slot, system: 'x', complete: false } })
    expect((await db.inspect()).reader).toBeNull()
    await db.connection.query('SELECT pg_current_xact_id()')
    const second = await db.create()
    expect(second.position > first.position).toBe(true)
  })

  test('of another plugin or database it is refused', async () => {
    await using db = await open()
    await db.connection.query(`SELECT pg_create_logical_replication_slot('${db.slot}', 'test_decoding')`).catch(() => {})
    const other = await open()
    await other.create()
    await expect(inspectLog(db.connection, other.slot, db.state)).rejects.toMatchObject({ code: 'SLOT_DATABASE' })
    await other[Symbol.asyncDispose]()
  })

  test('a commit that is in the log but not visible yet is named as running', async () => {
    await using db = await open()
    await db.connection.query('CREATE TABLE public.t(id int PRIMARY KEY, v int); INSERT INTO public.t VALUES (1, 1)')
    // A transaction that started before the slot makes its creation wait; the commit in limbo comes in that time.
    const early = await server.connect(db.database)
    await early.query('BEGIN; SELECT pg_current_xact_id()')
    const made = db.create()
    const admin = await server.connect(db.database)
    await until(async () => (await admin.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [db.slot])).rows.length > 0)
    const second = await server.connect(db.database)
    await until(async () => (await admin.query("SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted")).rows.length > 0)
    await second.query('BEGIN; SELECT pg_current_xact_id()')
    await early.query('COMMIT')
    await until(
      async () =>
        (
          await admin.query(
            "SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.transactionid = w.transactionid AND h.granted WHERE w.locktype = 'transactionid' AND NOT w.granted AND h.pid = $1",
            [(second as unknown as { processID: number }).processID],
          )
        ).rows.length > 0,
    )
    const limbo = await server.connect(db.database)
    await limbo.query('SET synchronous_commit = on; BEGIN; UPDATE public.t SET v = 2')
    const xid = Number((await limbo.query('SELECT pg_current_xact_id()::xid::text AS x')).rows[0].x)
    const commit = limbo.query('COMMIT')
    const pid = (limbo as unknown as { processID: number }).processID
    await until(
      async () => (await admin.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'", [pid])).rows.length > 0,
    )
    await second.query('COMMIT')
    const { running } = await made
    expect(running).toEqual([xid])
    expect((await readSnapshot(db.connection)).sees(xid)).toBe(false)
    await admin.query('SELECT pg_cancel_backend($1)', [pid])
    await commit
    await until(async () => (await readSnapshot(db.connection)).sees(xid))
    for (const client of [early, second, limbo, admin]) await client.end()
  })

  test('the end of the log lies behind everything committed', async () => {
    await using db = await open()
    await db.connection.query('CREATE TABLE public.t(id int)')
    const before = await readHead(db.connection)
    await db.connection.query('INSERT INTO public.t VALUES (1)')
    expect((await readHead(db.connection)) > before).toBe(true)
  })

  test('a slot that somebody reads is waited for, then named with its reader', async () => {
    await using db = await open()
    await db.create()
    const reader = await server.connect(db.database)
    const pid = (reader as unknown as { processID: number }).processID
    await db.connection.query(`CREATE TABLE public.t(id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE public.t`)
    // Waits for log that does not come, and holds the slot meanwhile.
    const lock = await server.connect(db.database)
    await lock.query(`BEGIN; LOCK TABLE pg_publication IN ACCESS EXCLUSIVE MODE`)
    await db.connection.query('INSERT INTO public.t VALUES (1)')
    const held = reader.query(
      `SELECT count(*) FROM pg_logical_slot_get_binary_changes('${db.slot}', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')`,
    )
    await until(async () => (await readHealth(db.connection, db.slot)).active)
    await expect(waitForSlot(db.connection, db.slot, { state: db.state, waitMs: 200 })).rejects.toMatchObject({
      code: 'SLOT_IN_USE',
      fields: { pid },
    })
    const waiting = waitForSlot(db.connection, db.slot, { state: db.state, waitMs: 10_000 })
    await lock.query('ROLLBACK')
    await held
    await waiting
    await reader.end()
    await lock.end()
  })

  test('check tells what is missing, and drop removes what was made', async () => {
    await using db = await open()
    await db.connection.query('CREATE TABLE public.ok(id int PRIMARY KEY); CREATE TABLE public.keyless(id int); CREATE ROLE weak LOGIN')
    const url = db.url.replace('postgres@', 'weak@')
    const config = postgresConfig.parse({ url })
    const context = { pipeline: `shop${count}`, batchBytes: 1e6, keyNeededBy: null, state: db.state, log: silent }
    const findings = await checkPostgres(config, context)
    const errors = findings.filter((finding) => finding.severity === 'error')
    expect(errors.map((finding) => finding.code).sort()).toEqual(
      ['RIGHT_PUBLICATION', 'RIGHT_REPLICATION', 'RIGHT_TABLE', 'RIGHT_TABLE', 'TABLE_KEYLESS'].sort(),
    )
    expect(errors.every((finding) => finding.hint !== null)).toBe(true)
    await db.connection.query('DROP TABLE public.keyless')
    const own = { ...config, url: db.url }
    expect((await checkPostgres(own, context)).filter((finding) => finding.severity === 'error')).toEqual([])
    expect(JSON.stringify(findings)).not.toContain('postgres://')
    await ensurePublications(db.connection, { pipeline: context.pipeline, config: own, keyNeededBy: null, onRefused: 'throw' })
    await createSlot(db.connection, { slot: `millrace_shop${count}`, state: db.state, log: silent, failover: false })
    expect([...(await dropFromSource(own, context))].sort()).toEqual([
      `publication millrace_shop${count}`,
      `publication millrace_shop${count}_inserts`,
      `slot millrace_shop${count}`,
    ])
    expect(await dropFromSource(own, context)).toEqual([])
    expect(db.state.facts.size).toBe(0)
    await server.query('DROP ROLE weak')
  })
})
