import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { readCatalogue, type CatalogueTable, type Scope } from './catalogue.ts'
import { closeConnection, connect } from './connection.ts'
import { knownOf } from './relation-memory.ts'
import { describeRelation, type RelationMessage } from './relation.ts'

const types = () => ({ type: { kind: 'unknown', name: 'gone' } as const, sourceType: 'gone' })

/** What the server would say of a table that looks like this. */
function messageOf({ table, leaves }: CatalogueTable): RelationMessage {
  const letter = { default: 'd', nothing: 'n', full: 'f', index: 'i' }[leaves[0]!.identity]
  return {
    id: table.id,
    schema: table.schema,
    name: table.name,
    identity: letter,
    columns: table.columns.map((column) => ({
      name: column.name,
      typeOid: column.typeOid,
      typeModifier: column.typeModifier,
      isKey: letter === 'f' || (leaves[0]!.identityColumns ?? []).includes(column.name),
    })),
  }
}

type Case = {
  before: string
  /** Then the message is sent. */
  change: string
  /** Then the catalogue is asked. */
  later?: string
  columns: readonly [id: number, name: string][]
  reread: boolean
  since?: number
}

const CASES: Record<string, Case> = {
  'nothing changed': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ANALYZE t',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a rename': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t RENAME a TO b',
    columns: [
      [1, 'id'],
      [2, 'b'],
    ],
    reread: false,
  },
  'two names exchanged': {
    before: '(id int PRIMARY KEY, a int, b int)',
    change: 'ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b',
    columns: [
      [1, 'id'],
      [2, 'b'],
      [3, 'a'],
    ],
    reread: false,
  },
  'a drop': {
    before: '(id int PRIMARY KEY, a int, b int)',
    change: 'ALTER TABLE t DROP a',
    columns: [
      [1, 'id'],
      [3, 'b'],
    ],
    reread: false,
  },
  'a column added': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a column added with a constant': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int NOT NULL DEFAULT 7',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a default set after a column was added': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int; ALTER TABLE t ALTER a SET DEFAULT 7',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a column added with a volatile default': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a float DEFAULT random()',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'an identity column added': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int GENERATED ALWAYS AS IDENTITY',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'a constant that a rewrite forgot': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int DEFAULT 7',
    later: 'ALTER TABLE t ALTER a DROP DEFAULT; VACUUM FULL t',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'a rewrite alone': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'VACUUM FULL t',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a wider varchar': {
    before: '(id int PRIMARY KEY, a varchar(10))',
    change: 'ALTER TABLE t ALTER a TYPE varchar(20)',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'varchar made text': {
    before: '(id int PRIMARY KEY, a varchar(10))',
    change: 'ALTER TABLE t ALTER a TYPE text',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'varchar made text by an expression': {
    before: '(id int PRIMARY KEY, a varchar(10))',
    change: 'ALTER TABLE t ALTER a TYPE text USING upper(a)',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'a wider numeric': {
    before: '(id int PRIMARY KEY, a numeric(10,2))',
    change: 'ALTER TABLE t ALTER a TYPE numeric(12,2)',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a numeric of another scale': {
    before: '(id int PRIMARY KEY, a numeric(10,2))',
    change: 'ALTER TABLE t ALTER a TYPE numeric(12,3)',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'int made bigint': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t ALTER a TYPE bigint',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'timestamp made timestamptz': {
    before: '(id int PRIMARY KEY, a timestamp)',
    change: 'ALTER TABLE t ALTER a TYPE timestamptz',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'dropped and added again under its name': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t DROP a; ALTER TABLE t ADD a int',
    columns: [
      [1, 'id'],
      [3, 'a'],
    ],
    reread: true,
  },
  'dropped and added again before another': {
    before: '(id int PRIMARY KEY, a int, b int)',
    change: 'ALTER TABLE t DROP a; ALTER TABLE t ADD a int',
    columns: [
      [1, 'id'],
      [3, 'b'],
      [4, 'a'],
    ],
    reread: false,
  },
  'added, and renamed since': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int',
    later: 'ALTER TABLE t RENAME a TO b',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'renamed twice': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t RENAME a TO b',
    later: 'ALTER TABLE t RENAME b TO c',
    columns: [
      [1, 'id'],
      [2, 'b'],
    ],
    reread: false,
  },
  'added, and dropped since': {
    before: '(id int PRIMARY KEY)',
    change: 'ALTER TABLE t ADD a int',
    later: 'ALTER TABLE t DROP a',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'nothing yet, a column added since': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ANALYZE t',
    later: 'ALTER TABLE t ADD b int',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'a rename, and a type changed since': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t RENAME a TO b',
    later: 'ALTER TABLE t ALTER b TYPE bigint',
    columns: [
      [1, 'id'],
      [2, 'b'],
    ],
    reread: false,
  },
  'renamed twice, and another added since: nobody can tell': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t RENAME a TO b',
    later: 'ALTER TABLE t RENAME b TO c; ALTER TABLE t ADD d int',
    columns: [
      [1, 'id'],
      [10_001, 'b'],
    ],
    reread: true,
  },
  'another key': {
    before: '(id int PRIMARY KEY, a int NOT NULL)',
    change: 'ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (a)',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'identity made full': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t REPLICA IDENTITY FULL',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
  'values computed anew in the same type': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t ALTER a TYPE int USING a * 2',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: true,
  },
  'a default alone': {
    before: '(id int PRIMARY KEY, a int)',
    change: 'ALTER TABLE t ALTER a SET DEFAULT 7',
    columns: [
      [1, 'id'],
      [2, 'a'],
    ],
    reread: false,
  },
}

describe.each(testedMajors())('relation messages and the catalogue of Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major)
  })
  afterAll(() => server.stop())
  const scope: Scope = {
    major,
    publications: [],
    viaRoot: true,
    publishesGenerated: false,
    wantsTable: () => true,
    wantsColumn: () => true,
  }

  test.each(Object.entries(CASES))('%s', async (_, { before, change, later, columns, reread }) => {
    const connection = await connect(server.url(await server.createDatabase()))
    const read = async () => (await readCatalogue(connection, scope))[0]!
    const run = async (sql: string) => {
      for (const statement of sql.split('; ')) await connection.query(`SET search_path = public; `).then(() => connection.query(statement))
      await connection.query(`SET search_path = ''`)
    }
    await run(`CREATE TABLE t ${before}`)
    const first = await read()
    const previous = knownOf(first)
    await run(change)
    const message = messageOf(await read())
    if (later) await run(later)
    const catalogue = await read()
    const found = describeRelation({ message, previous, catalogue, types })
    expect(found.table.columns.map((column) => [column.id, column.name])).toEqual(columns)
    expect(found.reread).toBe(reread)
    expect(found.table.key.map((index) => found.table.columns[index]!.name)).toEqual(_ === 'another key' ? ['a'] : ['id'])
    // Where nothing came after the message, both ways give one description.
    if (!later) expect(found.table).toEqual(catalogue.table)
    expect(describeRelation({ message, previous: null, catalogue: null, types }).table.columns.length).toBe(columns.length)
    await closeConnection(connection)
  })

  test('a message from before a rewrite leaves it for the next to tell', async () => {
    const connection = await connect(server.url(await server.createDatabase()))
    const read = async () => (await readCatalogue(connection, scope))[0]!
    await connection.query('CREATE TABLE public.t(id int PRIMARY KEY)')
    const first = await read()
    await connection.query('ALTER TABLE public.t ADD a float DEFAULT random()')
    const catalogue = await read()
    const early = describeRelation({ message: messageOf(first), previous: knownOf(first), catalogue, types })
    expect(early.reread).toBe(false)
    expect(describeRelation({ message: messageOf(catalogue), previous: early, catalogue, types }).reread).toBe(true)
    await closeConnection(connection)
  })

  test('columns that are not wanted are left out, and the rest keep their places', async () => {
    const connection = await connect(server.url(await server.createDatabase()))
    await connection.query('CREATE TABLE public.t(id int PRIMARY KEY, secret text, v int)')
    const [all] = await readCatalogue(connection, scope)
    const wantsColumn = (column: string) => column !== 'secret'
    const [some] = await readCatalogue(connection, { ...scope, wantsColumn: (_, column) => wantsColumn(column) })
    const found = describeRelation({ message: messageOf(all!), previous: null, catalogue: some!, types, wantsColumn })
    expect(found.places).toEqual([0, -1, 1])
    expect(found.table).toEqual(some!.table)
    await closeConnection(connection)
  })
})
