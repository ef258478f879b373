import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Change } from '../../contracts/change.ts'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { followPrimary } from '../../../test/standby.ts'
import { checkFailover } from './check-failover.ts'
import { postgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openPostgres } from './source.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const context = (state: ReturnType<typeof memoryState>) => ({ pipeline: 'shop', batchBytes: 100_000, keyNeededBy: null, state, log })

describe.each(testedMajors().filter((major) => major < 17))('a failover slot on Postgres %i', (major) => {
  test('is refused, with what it needs', async () => {
    await using server = await startPostgres(major)
    await using source = await openPostgres(postgresConfig.parse({ url: server.url(), failover: true }), context(memoryState()))
    await expect(source.inspect()).rejects.toMatchObject({ code: 'SLOT_FAILOVER', message: expect.stringContaining(`is ${major}`) })
  })
})

describe.each(testedMajors().filter((major) => major >= 17))('a failover slot on Postgres %i', (major) => {
  let primary: PostgresServer
  let standby: PostgresServer
  beforeAll(async () => {
    primary = await startPostgres(major)
    standby = await startPostgres(major)
    await primary.query('CREATE TABLE t (id int PRIMARY KEY)')
    await primary.query("SELECT pg_create_physical_replication_slot('standby')")
    // What the log's readers have, the standby has.
    await primary.query("ALTER SYSTEM SET synchronized_standby_slots = 'standby'")
    await followPrimary(standby, primary, { primary_slot_name: "'standby'" })
  }, 60_000)
  afterAll(async () => {
    await standby.stop()
    await primary.stop()
  })

  const config = (failover: boolean) =>
    postgresConfig.parse({
      url: `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`,
      tables: ['public.*'],
      failover,
    })
  const slotOf = async (server: PostgresServer, what: string) =>
    (await server.query(`SELECT ${what} AS value FROM pg_replication_slots WHERE slot_name = 'millrace_shop'`)).rows[0]?.value

  test('is given to a slot that was made without', async () => {
    const state = memoryState()
    await using first = await openPostgres(config(false), context(state))
    await first.inspect()
    await first.begin()
    expect(await slotOf(primary, 'failover')).toBe(false)
    await using second = await openPostgres(config(true), context(state))
    await second.inspect()
    expect(await slotOf(primary, 'failover')).toBe(true)
    await second.end()
  })

  test('is checked for, with what guards it', async () => {
    const codesOf = async (failover: boolean) => {
      const connection = await connect(primary.url())
      const findings = await checkFailover(connection, config(failover), { pipeline: 'shop' })
      await closeConnection(connection)
      return findings.map(({ code }) => code)
    }
    expect(await codesOf(false)).toEqual(['FAILOVER_OFF'])
    expect(await codesOf(true)).toEqual(['FAILOVER_SLOT', 'FAILOVER_GUARDED'])
    await primary.query("SELECT pg_create_logical_replication_slot('millrace_shop', 'pgoutput')")
    await primary.query('ALTER SYSTEM RESET synchronized_standby_slots')
    await primary.query('SELECT pg_reload_conf()')
    await until(async () => (await primary.query('SHOW synchronized_standby_slots')).rows[0].synchronized_standby_slots === '')
    expect(await codesOf(true)).toEqual(['FAILOVER_LATER', 'FAILOVER_UNGUARDED'])
    await primary.query("SELECT pg_drop_replication_slot('millrace_shop')")
    await primary.query("ALTER SYSTEM SET synchronized_standby_slots = 'standby'")
    await primary.query('SELECT pg_reload_conf()')
  })

  // Last: it ends the primary.
  test('is followed on the server that takes over, without a gap', async () => {
    const state = memoryState()
    const ids: number[] = []
    let end = ''
    await using source = await openPostgres(config(true), context(state))
    await source.inspect()
    end = (await source.begin()).position
    expect(await slotOf(primary, 'failover')).toBe(true)
    const stop = new AbortController()
    const readAll = async () => {
      for await (const batch of source.read(end, stop.signal)) {
        if (batch.kind !== 'changes') continue
        ids.push(...batch.changes.flatMap((change: Change) => (change.op === 'insert' ? [Number(change.after[0])] : [])))
        if (batch.end.length === 16) end = batch.end
        source.acknowledge(end)
      }
    }
    const reading = (async () => {
      while (!stop.signal.aborted) await readAll().catch(() => {})
    })()
    await primary.query('INSERT INTO t SELECT generate_series(1, 10)')
    await until(async () => {
      await primary.query('SELECT pg_log_standby_snapshot()')
      // What the worker of sync_replication_slots does, without its rests.
      await standby.query('SELECT pg_sync_replication_slots()')
      return (await slotOf(standby, 'synced AND NOT temporary')) === true
    })
    await primary.query('INSERT INTO t SELECT generate_series(11, 20)')
    await until(() => ids.includes(20))
    await primary.halt('kill')
    await standby.query('SELECT pg_promote()')
    await standby.query('INSERT INTO t VALUES (21)')
    await until(() => ids.includes(21))
    stop.abort()
    await reading
    expect(ids).toEqual(Array.from({ length: 21 }, (_, index) => index + 1))
    expect(await source.inspect(1)).toMatchObject({ timeline: 2, reader: { ours: true, lost: false } })
  }, 60_000)
})
