import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { closeConnection, connect } from './connection.ts'
import { createSlot } from './create-slot.ts'
import { memoryState } from './memory-state.fixture.ts'

const pidOf = (client: pg.Client) => (client as unknown as { processID: number }).processID // public in pg, missing in its types

describe.each(testedMajors([14, 18]))('making a slot on Postgres %i while tables are emptied', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major, { synchronous_standby_names: "'nobody'", synchronous_commit: 'local' })
  })
  afterAll(() => server.stop())

  /**
   * Makes a slot with a TRUNCATE committing at the one moment that the server does not look at: after the making began, before
   * it follows commits, and seen by others only after that. An insert into the new file then is what the slot cannot decode.
   */
  async function provoke(database: string, slot: string, make: () => Promise<unknown>): Promise<unknown> {
    const clients: pg.Client[] = []
    const open = async () => {
      const client = await server.connect(database)
      clients.push(client)
      return client
    }
    const [admin, early, truncating, between, inserting] = [await open(), await open(), await open(), await open(), await open()]
    const waitsFor = async (client: pg.Client) =>
      (
        await admin.query(
          `SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.transactionid = w.transactionid AND h.granted
           WHERE w.locktype = 'transactionid' AND NOT w.granted AND h.pid = $1`,
          [pidOf(client)],
        )
      ).rows.length > 0
    await early.query('BEGIN; SELECT pg_current_xact_id()')
    const made = make()
    await until(() => waitsFor(early))
    await truncating.query('SET synchronous_commit = on')
    const emptied = truncating.query('TRUNCATE public.t')
    await until(
      async () =>
        (await admin.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'", [pidOf(truncating)])).rows.length >
        0,
    )
    await between.query('BEGIN; SELECT pg_current_xact_id()')
    await early.query('COMMIT')
    await until(async () => (await waitsFor(truncating)) || (await waitsFor(between)))
    await admin.query('SELECT pg_cancel_backend($1)', [pidOf(truncating)])
    await emptied
    await inserting.query('BEGIN; INSERT INTO public.t VALUES (2)')
    await between.query('COMMIT')
    // Made, or being made again: the insert belongs to the time after the first making.
    await until(async () => {
      const found = await admin.query('SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1', [slot])
      return found.rows[0]?.confirmed_flush_lsn != null || (await waitsFor(inserting))
    })
    await inserting.query('COMMIT')
    const result = await made
    await admin.query('INSERT INTO public.t VALUES (3)')
    for (const client of clients) await client.end()
    return result
  }

  const peek = (database: string, slot: string) =>
    server.query(
      `SELECT count(*)::int AS n FROM pg_logical_slot_peek_binary_changes('${slot}', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')`,
      [],
      database,
    )

  async function database() {
    const name = await server.createDatabase()
    await server.query(
      'CREATE TABLE public.t(id int PRIMARY KEY); INSERT INTO public.t VALUES (1); CREATE PUBLICATION p FOR TABLE public.t',
      [],
      name,
    )
    return name
  }

  test('the server makes one that it can never decode', async () => {
    const name = await database()
    const walsender = await connect(server.url(name), { replication: true })
    await provoke(name, 'plain', () => walsender.query('CREATE_REPLICATION_SLOT plain LOGICAL pgoutput EXPORT_SNAPSHOT'))
    await closeConnection(walsender)
    await expect(peek(name, 'plain')).rejects.toThrow(/could not map/)
    await server.query("SELECT pg_drop_replication_slot('plain')")
  })

  test('ours is made again, and is one that the server can decode', async () => {
    const name = await database()
    const connection = await connect(server.url(name))
    const warnings: unknown[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (event: string, fields?: object) => void warnings.push({ event, ...fields }) }
    const options = { slot: 'ours', state: memoryState(), log, failover: false }
    await provoke(name, 'ours', () => createSlot(connection, options))
    expect(warnings).toMatchObject([{ event: 'slot-made-again', slot: 'ours', attempt: 1 }])
    expect((await peek(name, 'ours')).rows[0].n).toBeGreaterThan(0)
    await closeConnection(connection)
    await server.query("SELECT pg_drop_replication_slot('ours')")
  })
})
