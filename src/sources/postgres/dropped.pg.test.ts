import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, until, type PostgresServer } from '../../../test/servers.ts'
import { readCatalogue, readTable } from './catalogue.ts'
import { postgresConfig } from './config.ts'
import { closeConnection, connect } from './connection.ts'
import { openConsistent } from './consistent.ts'
import { ensurePublications } from './publication.ts'
import { scopeOf } from './scope.ts'
import { targetOf } from './target.ts'

describe.each(testedMajors())('a table that is dropped while it is looked at, on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(() => server.stop())

  /** Drops `gone` in a transaction that ends only once `look` waits for its lock. */
  async function whileDropped<Result>(look: (at: { config: ReturnType<typeof postgresConfig.parse>; id: number }) => Promise<Result>) {
    const database = await server.createDatabase()
    await server.query('CREATE TABLE kept (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY)', [], database)
    const id = Number((await server.query(`SELECT 'gone'::regclass::oid AS id`, [], database)).rows[0]?.id)
    const dropper = await server.connect(database)
    await dropper.query('BEGIN; DROP TABLE gone')
    const looked = look({ config: postgresConfig.parse({ url: server.url(database) }), id })
    looked.catch(() => {}) // met below
    const waits = `SELECT FROM pg_locks WHERE NOT granted AND relation = ${id}`
    await until(async () => (await server.query(waits, [], database)).rowCount === 1, 10_000, 'a look that waits for the DROP')
    await dropper.query('COMMIT')
    await dropper.end()
    return looked
  }

  /** A connection for one look. */
  async function using<Result>(
    config: Parameters<typeof targetOf>[0],
    work: (connection: Awaited<ReturnType<typeof connect>>) => Promise<Result>,
  ) {
    const connection = await connect(targetOf(config, 'test'))
    try {
      return await work(connection)
    } finally {
      await closeConnection(connection)
    }
  }

  const scoped = { publications: [], viaRoot: true, publishesGenerated: false }
  const names = (tables: Awaited<ReturnType<typeof readCatalogue>>) => tables.map(({ table }) => table.name)

  test('is not in the catalogue that was asked for', async () => {
    const tables = await whileDropped(({ config }) => using(config, (one) => readCatalogue(one, scopeOf(one, config, scoped))))
    expect(names(tables)).toEqual(['kept'])
  })

  test('is told to be gone where it alone was asked for', async () => {
    const table = await whileDropped(({ config, id }) => using(config, (one) => readTable(one, scopeOf(one, config, scoped), id)))
    expect(table).toBeNull()
  })

  test('is not in the publication that was being made', async () => {
    const made = await whileDropped(({ config }) =>
      using(config, (one) => ensurePublications(one, { pipeline: 'shop', config, keyNeededBy: null, onRefused: 'throw' })),
    )
    expect(names(made.tables)).toEqual(['kept'])
  })

  test('is not in an archive, though nobody asked for it, and the others are', async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const context = { parallel: 1, chunkBytes: 1e6, queries: {}, log }
    await using snapshot = await whileDropped(({ config }) =>
      openConsistent({ ...config, tables: ['public.kept'] }, context, new AbortController().signal),
    )
    expect([snapshot.tables.map(({ table }) => table.name), snapshot.refused]).toEqual([['kept'], []])
  })
})
