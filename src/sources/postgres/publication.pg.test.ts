import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { postgresConfig, type PostgresConfig } from './config.ts'
import { closeConnection, connect, type Connection } from './connection.ts'
import { ensurePublications, type PublicationOptions } from './publication.ts'

describe.each(testedMajors([14, 18]))('publications on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major)
  })
  afterAll(() => server.stop())

  async function open(ddl: string, config: Partial<PostgresConfig> = {}, more: Partial<PublicationOptions> = {}) {
    const database = await server.createDatabase()
    const connection = await connect(server.url(database))
    await connection.query(ddl)
    const options = (changed: Partial<PostgresConfig> = config, other = more): PublicationOptions => ({
      pipeline: 'shop',
      config: postgresConfig.parse({ url: server.url(database), ...changed }),
      keyNeededBy: null,
      onRefused: 'throw',
      ...other,
    })
    return {
      connection,
      ensure: (changed?: Partial<PostgresConfig>, other?: Partial<PublicationOptions>) =>
        ensurePublications(connection, options(changed, other)),
      members: async (name = 'millrace_shop') => {
        const found = await connection.query(
          `SELECT schemaname || '.' || tablename AS t FROM pg_publication_tables WHERE pubname = '${name}' ORDER BY 1`,
        )
        return found.rows.map((row: { t: string }) => row.t)
      },
      [Symbol.asyncDispose]: () => closeConnection(connection),
    }
  }

  /** What the application does to each table must work, whatever was published. */
  async function write(connection: Connection, tables: readonly string[]): Promise<readonly string[]> {
    const failed: string[] = []
    for (const table of tables)
      for (const statement of [`UPDATE ${table} SET v = v + 1`, `DELETE FROM ${table}`])
        await connection.query(`BEGIN; ${statement}; ROLLBACK`).catch(async (error: Error) => {
          failed.push(`${statement}: ${error.message}`)
          await connection.query('ROLLBACK')
        })
    return failed
  }

  const code = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => null,
      (thrown: unknown) => thrown,
    )
    if (error === null) return null
    expect(error).toBeInstanceOf(MillraceError)
    return (error as MillraceError).code
  }

  /** Every shape of identity, each with one row. */
  const SHAPES: Record<string, { ddl: string; refused?: string; config?: Partial<PostgresConfig>; since?: number; until?: number }> = {
    'a primary key': { ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)' },
    'no key': { ddl: 'CREATE TABLE public.t(id int, v int)', refused: 'TABLE_KEYLESS' },
    'no key, inserts only': { ddl: 'CREATE TABLE public.t(id int, v int)', config: { keyless: 'insert-only' } },
    'full without a key': { ddl: 'CREATE TABLE public.t(id int, v int); ALTER TABLE public.t REPLICA IDENTITY FULL' },
    'full with a key': { ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int); ALTER TABLE public.t REPLICA IDENTITY FULL' },
    'nothing with a key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int); ALTER TABLE public.t REPLICA IDENTITY NOTHING',
      refused: 'TABLE_IDENTITY_NOTHING',
    },
    'an index': {
      ddl: 'CREATE TABLE public.t(id int NOT NULL UNIQUE, v int); ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_id_key',
    },
    'an index that was dropped': {
      ddl: 'CREATE TABLE public.t(id int NOT NULL UNIQUE, v int); ALTER TABLE public.t REPLICA IDENTITY USING INDEX t_id_key; ALTER TABLE public.t DROP CONSTRAINT t_id_key',
      refused: 'TABLE_KEYLESS',
    },
    'a deferrable key': { ddl: 'CREATE TABLE public.t(id int PRIMARY KEY DEFERRABLE, v int)', refused: 'TABLE_KEYLESS' },
    'a list that leaves out the key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { columns: { 'public.t': ['v'] } },
      refused: 'COLUMNS_BREAK_UPDATES',
    },
    'a list with the key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int, secret text)',
      config: { columns: { 'public.t': ['*', '!secret'] } },
    },
    'a list under full': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int, secret text); ALTER TABLE public.t REPLICA IDENTITY FULL',
      config: { columns: { 'public.t': ['*', '!secret'] } },
      refused: 'COLUMNS_BREAK_UPDATES',
      since: 15,
    },
    'a filter on the key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { where: { 'public.t': 'id > 0' } },
      since: 15,
    },
    'a filter on another column': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { where: { 'public.t': 'id > 0 AND v <> 1 OR (v IS NULL)' } },
      refused: 'WHERE_BREAKS_UPDATES',
      since: 15,
    },
    'a filter under full': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int); ALTER TABLE public.t REPLICA IDENTITY FULL',
      config: { where: { 'public.t': 'v < 100' } },
      since: 15,
    },
    'a filter that is no SQL': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { where: { 'public.t': 'nosuch > 0' } },
      refused: 'WHERE_INVALID',
      since: 15,
    },
    'a filter on 14': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { where: { 'public.t': 'id > 0' } },
      refused: 'WHERE_UNSUPPORTED',
      until: 14,
    },
    partitions: {
      ddl: `CREATE TABLE public.t(id int, v int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE TABLE public.t0 PARTITION OF public.t FOR VALUES FROM (0) TO (100)`,
    },
    'a partition with nothing': {
      ddl: `CREATE TABLE public.t(id int, v int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        CREATE TABLE public.t0 PARTITION OF public.t FOR VALUES FROM (0) TO (100); ALTER TABLE public.t0 REPLICA IDENTITY NOTHING`,
      refused: 'TABLE_IDENTITY_NOTHING',
    },
    'partitions without a key': {
      ddl: `CREATE TABLE public.t(id int, v int) PARTITION BY RANGE (id); CREATE TABLE public.t0 PARTITION OF public.t FOR VALUES FROM (0) TO (100)`,
      refused: 'TABLE_KEYLESS',
    },
    'partitions without a key, inserts only': {
      ddl: `CREATE TABLE public.t(id int, v int) PARTITION BY RANGE (id); CREATE TABLE public.t0 PARTITION OF public.t FOR VALUES FROM (0) TO (100)`,
      config: { keyless: 'insert-only' },
    },
    'a generated column beside the key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (id * 2) STORED)',
    },
    'a generated column in the key': {
      ddl: 'CREATE TABLE public.t(id int, v int, g int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)',
      refused: 'TABLE_IDENTITY_GENERATED',
    },
    'a generated column under full': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (id * 2) STORED); ALTER TABLE public.t REPLICA IDENTITY FULL',
      refused: 'TABLE_IDENTITY_GENERATED',
      since: 18,
    },
    'a virtual column under full': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (id * 2)); ALTER TABLE public.t REPLICA IDENTITY FULL',
      refused: 'TABLE_IDENTITY_GENERATED',
      since: 18,
    },
    'a child by inheritance without a key': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int); CREATE TABLE public.child(w int) INHERITS (public.t)',
      config: { tables: ['public.t'] },
    },
    'a table missing': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { tables: ['public.t', 'public.nosuch'] },
      refused: 'TABLE_MISSING',
    },
    'a column missing': {
      ddl: 'CREATE TABLE public.t(id int PRIMARY KEY, v int)',
      config: { columns: { 'public.t': ['id', 'nosuch'] } },
      refused: 'COLUMNS_INVALID',
    },
  }
  const shapes = Object.entries(SHAPES).filter(([, shape]) => (shape.since ?? 0) <= major && (shape.until ?? 99) >= major)

  test.each(shapes)("%s never breaks the application's own writes", async (_, shape) => {
    await using db = await open(shape.ddl, shape.config)
    await db.connection.query('INSERT INTO public.t(id, v) VALUES (1, 1)')
    expect(await code(db.ensure())).toBe(shape.refused ?? null)
    expect(await write(db.connection, ['public.t'])).toEqual([])
    const published = [...(await db.members()), ...(await db.members('millrace_shop_inserts'))]
    expect(published).toEqual(shape.refused ? [] : ['public.t'])
    // The second start finds everything in step.
    if (!shape.refused) expect((await db.ensure()).altered).toEqual([])
  })

  test('tables join and leave, and a newcomer that may not enter waits outside', async () => {
    await using db = await open('CREATE TABLE public.a(id int PRIMARY KEY, v int); CREATE TABLE public.b(id int PRIMARY KEY, v int)', {
      tables: ['public.*', '!public.b'],
    })
    const names = async (more: Partial<PublicationOptions> = {}) =>
      (await db.ensure(undefined, more)).tables.map((found) => tableName(found.table))
    expect(await names()).toEqual(['public.a'])
    await db.connection.query(
      'CREATE TABLE public.c(id int PRIMARY KEY, v int); CREATE TABLE public.keyless(id int, v int); INSERT INTO public.keyless VALUES (1, 1)',
    )
    const found = await db.ensure(undefined, { onRefused: 'leave-out' })
    expect(found.tables.map((table) => tableName(table.table))).toEqual(['public.a', 'public.c'])
    expect(found.refused.map(({ error }) => error.code)).toEqual(['TABLE_KEYLESS'])
    expect(await write(db.connection, ['public.a', 'public.c', 'public.keyless'])).toEqual([])
    await db.connection.query('ALTER TABLE public.keyless ADD PRIMARY KEY (id); DROP TABLE public.c')
    expect(await names({ onRefused: 'leave-out' })).toEqual(['public.a', 'public.keyless'])
    expect((await db.ensure({ tables: ['public.b'] })).tables.map((table) => tableName(table.table))).toEqual(['public.b'])
    expect(await db.members()).toEqual(['public.b'])
  })

  test('a changed list or filter is put in place, and the table is named', async () => {
    if (major < 15) return
    await using db = await open('CREATE TABLE public.a(id int PRIMARY KEY, v int); CREATE TABLE public.b(id int PRIMARY KEY)', {
      where: { 'public.a': 'id > 0' },
    })
    const first = await db.ensure()
    expect(first.tables[0]).toMatchObject({ rowFilter: '(id > 0)', filterColumns: ['id'], list: null })
    expect((await db.ensure()).altered).toEqual([])
    expect((await db.ensure({ where: { 'public.a': 'id > 5' } })).altered.map((table) => tableName(table.table))).toEqual(['public.a'])
    const listed = await db.ensure({ columns: { 'public.a': ['id'] } })
    expect(listed.altered.map((table) => tableName(table.table))).toEqual(['public.a'])
    expect(listed.tables[0]!.table.columns.map((column) => column.name)).toEqual(['id'])
  })

  test("somebody else's publication is used as it is, or refused", async () => {
    await using db = await open(
      'CREATE TABLE public.a(id int PRIMARY KEY, v int); CREATE TABLE public.b(id int PRIMARY KEY); CREATE PUBLICATION theirs FOR TABLE public.a',
      {
        publication: 'theirs',
      },
    )
    const found = await db.ensure()
    expect(found).toMatchObject({ ours: false, names: ['theirs'] })
    expect(found.tables.map((table) => tableName(table.table))).toEqual(['public.a'])
    expect(await code(db.ensure({ publication: 'theirs', tables: ['public.*'] }))).toBe('PUBLICATION_MISMATCH')
    expect(await code(db.ensure({ publication: 'theirs', where: { 'public.a': 'id > 0' } }))).toBe('PUBLICATION_WHERE')
    await db.connection.query(`ALTER PUBLICATION theirs SET (publish = 'insert')`)
    expect(await code(db.ensure())).toBe('PUBLICATION_OPERATIONS')
    expect(await db.members('theirs')).toEqual(['public.a'])
    await db.connection.query(`CREATE PUBLICATION everything FOR ALL TABLES`)
    expect((await db.ensure({ publication: 'everything' })).tables.length).toBe(2)
  })

  test('a role without the right to publish is told which', async () => {
    await using db = await open('CREATE TABLE public.a(id int PRIMARY KEY, v int)')
    await db.connection.query(`DROP ROLE IF EXISTS reader; CREATE ROLE reader; SET ROLE reader`)
    expect(await code(db.ensure())).toBe('RIGHT_PUBLICATION')
    await db.connection.query('RESET ROLE; DROP ROLE reader')
    expect(await code(db.ensure())).toBe(null)
  })

  test('a sink that needs keys refuses a table without one', async () => {
    await using db = await open('CREATE TABLE public.a(id int); ALTER TABLE public.a REPLICA IDENTITY FULL', {}, { keyNeededBy: 'duckdb' })
    expect(await code(db.ensure())).toBe('TABLE_KEYLESS_SINK')
  })
})
