import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { readCatalogue, type Scope } from './catalogue.ts'
import { closeConnection, connect } from './connection.ts'

/**
 * What makes a key of ours: at no point of the log does it name two rows. Sinks that keep tables rely on it when they cut
 * batches, within a transaction too: a row that leaves a key is the one that came there last.
 */
describe.each(testedMajors())('keys of Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major)
  })
  afterAll(() => server.stop())
  const everything = { wantsTable: () => true, wantsColumn: () => true }
  const scope: Scope = { ...everything, major, publications: [], viaRoot: true, publishesGenerated: false }

  const KEYS: Record<string, { ddl: string; key: string[] }> = {
    'a primary key': { ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)', key: ['id'] },
    'an identity index': {
      ddl: 'CREATE TABLE public.t(id int NOT NULL UNIQUE, v int); ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_id_key',
      key: ['id'],
    },
    'a deferrable primary key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY DEFERRABLE, v int); ALTER TABLE public.t REPLICA IDENTITY FULL',
      key: [],
    },
    'a deferred primary key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v int); ALTER TABLE public.t REPLICA IDENTITY FULL',
      key: [],
    },
    'a deferrable key beside an identity index': {
      ddl: `CREATE TABLE public.t(id int PRIMARY KEY DEFERRABLE, v int NOT NULL UNIQUE);
            ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_v_key`,
      key: ['v'],
    },
  }

  test.each(Object.entries(KEYS))('%s is one only where the server refuses two rows of it at any moment', async (_, { ddl, key }) => {
    const url = server.url(await server.createDatabase())
    const connection = await connect(url)
    await connection.query(ddl)
    const [found] = await readCatalogue(connection, scope)
    expect(found?.table.key.map((index) => found.table.columns[index]?.name)).toEqual(key)
    await connection.query('INSERT INTO public.t VALUES (1, 1), (2, 2)')
    // Two rows exchange their values: between the two, one value names both.
    const [column = 'id'] = key
    const swap = connection.query(`UPDATE public.t SET ${column} = 3 - ${column}`).then(
      () => 'taken',
      (error: { code?: string }) => error.code,
    )
    expect(await swap).toBe(key.length > 0 ? '23505' : 'taken')
    await closeConnection(connection)
  })

  test('a deferrable index is not taken as an identity by the server', async () => {
    const connection = await connect(server.url(await server.createDatabase()))
    await connection.query('CREATE TABLE public.t(id int NOT NULL UNIQUE DEFERRABLE, v int)')
    const altered = connection.query('ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_id_key').catch((error: Error) => error.message)
    expect(await altered).toMatch(/non-immediate/)
    await closeConnection(connection)
  })
})
