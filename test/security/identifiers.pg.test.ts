import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quoteIdentifier, quoteLiteral, quoteName } from '../../src/sources/postgres/catalogue-sql.ts'
import { quoteName as quoteInDuckdb, quoteTable, quoteText } from '../../src/sinks/duckdb/quote.ts'
import { isTest, sourceFiles } from '../source-files.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'

let server: PostgresServer
let database: string
beforeAll(async () => {
  server = await startPostgres(testedMajors()[0])
  database = await server.createDatabase('quote')
})
afterAll(async () => server.stop())

/** What ends a name, a literal or a statement too early, where it is not quoted well; and whatever else there is. */
const PIECES = [
  '"',
  '""',
  "'",
  "''",
  ';',
  '--',
  '/*',
  '*/',
  '\\',
  '\\"',
  "E'",
  '$$',
  '$1',
  '%',
  '.',
  ' ',
  '\n',
  '\r',
  '\t',
  '\u001b[2J',
  '\u202e',
  'é',
  '名',
  '😀',
  'a',
  'A',
  'DROP TABLE canary',
]
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 3 })), { minLength: 1, maxLength: 8 })
  .map((pieces) => Buffer.from(pieces.join('').replaceAll('\0', '')).toString())
  // A name in Postgres has 63 bytes.
  .filter((name) => name.length > 0 && Buffer.byteLength(name) <= 63)
const RUNS = { numRuns: 60 }

test('Postgres takes any name and any text as it is, quoted by the one function', async () => {
  await server.query('CREATE TABLE canary (a int)', [], database)
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (schema, table, column) => {
      // A schema of its own in each run; its name is shorter by one byte.
      const home = Buffer.byteLength(schema) < 63 ? `s${schema}` : 's'
      const name = quoteName({ schema: home, name: table })
      const session = await server.connect(database)
      try {
        await session.query(`BEGIN; CREATE SCHEMA ${quoteIdentifier(home)}; CREATE TABLE ${name} (${quoteIdentifier(column)} text)`)
        await session.query(`INSERT INTO ${name} (${quoteIdentifier(column)}) VALUES (${quoteLiteral(column)})`)
        await session.query('SET standard_conforming_strings = off')
        await session.query(`INSERT INTO ${name} VALUES (${quoteLiteral(column)})`)
        const { rows } = await session.query({ text: `SELECT * FROM ${name}`, rowMode: 'array' })
        expect(rows).toEqual([[column], [column]])
        const found = await session.query(
          'SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attnum = 1 AND relname = $1',
          [table],
        )
        expect(found.rows).toContainEqual({ relname: table, attname: column })
        expect((await session.query('SELECT * FROM canary')).rowCount).toBe(0)
      } finally {
        await session.query('ROLLBACK').finally(() => session.end())
      }
    }),
    RUNS,
  )
})

test('DuckDB takes any name and any text as it is, quoted by the one function', async () => {
  const duckdb = await DuckDBInstance.create(':memory:')
  const connection = await duckdb.connect()
  await connection.run('CREATE TABLE canary (a int)')
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (schema, table, column) => {
      const name = quoteTable({ catalog: 'memory', schema: `s${schema}`, name: table })
      await connection.run(`BEGIN; CREATE SCHEMA ${quoteInDuckdb(`s${schema}`)}; CREATE TABLE ${name} (${quoteInDuckdb(column)} text)`)
      try {
        await connection.run(`INSERT INTO ${name} (${quoteInDuckdb(column)}) VALUES (${quoteText(column)})`)
        const result = await connection.runAndReadAll(`SELECT * FROM ${name}`)
        expect(result.columnNames()).toEqual([column])
        expect(result.getRows()).toEqual([[column]])
        await connection.run('SELECT * FROM canary')
      } finally {
        await connection.run('ROLLBACK')
      }
    }),
    RUNS,
  )
  connection.closeSync()
  duckdb.closeSync()
})

test('nobody else quotes identifiers', () => {
  const own = sourceFiles('src').filter(({ path, text }) => !isTest(path) && text.includes(`'""'`))
  expect(own.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['src/sources/postgres/catalogue-sql.ts', 'src/sinks/duckdb/quote.ts']),
  )
  // The third reads names of SQL, and quotes none.
  expect(own.map(({ path }) => path).filter((path) => !/(catalogue-sql|quote|describe-statements)\.ts$/.test(path))).toEqual([])
})
