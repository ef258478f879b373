import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../../../test/servers.ts'
import { postgresConfig } from './config.ts'
import { describeStatements } from './describe-statements.ts'

const DDL = `CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE > 0);
  CREATE TABLE shop.item(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, feels mood, cost price NOT NULL, tags text[], twice int GENERATED ALWAYS AS (1 + 1) STORED);
  -- and another
  CREATE TABLE "Odd ""name"(a int, b timestamptz)`

describe('CREATE TABLE text, read by Postgres itself', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(18)
  })
  afterAll(() => server.stop())

  test('several statements on a server of its own, with the schemas that they name', async () => {
    const tables = await describeStatements(null, DDL)
    expect(tables.map(({ schema, name, key }) => [schema, name, key])).toEqual([
      ['public', 'Odd "name', []],
      ['shop', 'item', [0]],
    ])
    expect(tables[1]?.columns.map(({ name, sourceType, nullable }) => [name, sourceType, nullable])).toEqual([
      ['id', 'bigint', false],
      ['feels', 'public.mood', true],
      ['cost', 'public.price', false],
      ['tags', 'text[]', true],
      ['twice', 'integer', true],
    ])
    expect(tables[1]?.columns[2]?.type).toEqual({ kind: 'decimal', precision: 8, scale: 2 })
  })

  test('on a given server nothing stays, and its own types are known', async () => {
    const url = server.url(await server.createDatabase())
    const config = postgresConfig.parse({ url })
    const sql = async (text: string) => (await server.query(text, [], url.split('/').at(-1))).rows as unknown[]
    await sql(`CREATE DOMAIN here AS int; CREATE TABLE t(id int)`)
    const [table] = await describeStatements(config, 'CREATE TABLE t(a here PRIMARY KEY)')
    expect([table?.schema, table?.columns[0]?.type]).toEqual(['public', { kind: 'int32' }])
    for (const wrong of [
      'COMMIT; CREATE TABLE stays(id int)',
      'CREATE TABLE stays(id int); COMMIT',
      'CREATE TABLE public.stays(id int); CREATE TABLE (',
    ]) {
      await expect(describeStatements(config, wrong), wrong).rejects.toMatchObject({ code: 'SCHEMA_STATEMENTS' })
    }
    expect(
      await sql(
        `SELECT relname FROM pg_class WHERE relname IN ('stays') UNION SELECT nspname FROM pg_namespace WHERE nspname LIKE 'millrace%'`,
      ),
    ).toEqual([])
  })

  test('what is no table is said so', async () => {
    const config = postgresConfig.parse({ url: server.url() })
    await expect(describeStatements(config, 'SELECT 1')).rejects.toMatchObject({ code: 'SCHEMA_NO_TABLE' })
    await expect(describeStatements(config, 'CREATE TABLE t(a nothing)')).rejects.toMatchObject({
      code: 'SCHEMA_STATEMENTS',
      fields: { sqlstate: '42704', reason: 'type "nothing" does not exist' },
    })
  })
})
