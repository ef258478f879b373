import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ARRAY_CASES, MADE_CASES, SCALAR_CASES, SESSION, SETUP } from '../../../test/oracle/cases.ts'
import { readTypeFacts } from '../../../test/oracle/read-type-facts.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import type { Columns } from '../../contracts/batch.ts'
import type { ChunkRows } from '../../contracts/source.ts'
import type { LogicalType, Row, Value } from '../../contracts/table.ts'
import { encodeJson } from '../../values/json-text.ts'
import { createChunkRows } from '../pg-copy/create-chunk-rows.ts'
import { outputText, typeOf } from '../pg-types/type-of.ts'
import { columnsOfRows } from './columns-of-rows.ts'
import { column, rowsOf } from './parquet.fixture.ts'
import { parquetSchema, type Misfit } from './schema.ts'
import { createParquetWriter } from './writer.ts'

/** Every type of the oracle, as the decoder of COPY gives it: a file holds what the server holds. */
describe.each(testedMajors([18]))('Postgres %i', (major) => {
  let server: PostgresServer
  let client: pg.Client

  beforeAll(async () => {
    server = await startPostgres(major)
    client = await server.connect()
    await client.query(SESSION)
    for (const extension of ['hstore', 'citext', 'ltree']) await client.query(`CREATE EXTENSION ${extension}`)
    for (const statement of SETUP) await client.query(statement)
  })
  afterAll(async () => {
    await client?.end()
    await server?.stop()
  })

  const cases = [...SCALAR_CASES, ...MADE_CASES, ...ARRAY_CASES].filter(({ since = 14, until = 99 }) => since <= major && major <= until)
  it.each(cases)('$type comes back from a file as the server has it, from columns and from rows', async ({ type, literals }) => {
    const { chunk, logical } = await copied(type, literals)
    const columns = [column('v', logical)]
    for (const source of [chunk.columns(), columnsOfRows(columns, chunk.rows())]) {
      const asText = await written(logical, source, 'text')
      expect(asText).toEqual(chunk.rows().map(([value]) => storedOf(logical, value as Value)))
      const asNull = await written(logical, source, 'null')
      for (const [at, value] of asNull.entries())
        if (value !== null) expect(value).toEqual(plainOf(logical, chunk.rows()[at]?.[0] as Value))
    }
  })

  async function copied(type: string, literals: readonly string[]): Promise<{ chunk: ChunkRows; logical: LogicalType }> {
    const choice = typeOf(await readTypeFacts(client, type), major)
    await client.query(`DROP TABLE IF EXISTS asked; CREATE TABLE asked (n serial, v ${type})`)
    for (const literal of [...literals, null]) await client.query('INSERT INTO asked (v) VALUES ($1)', [literal])
    const selected = choice.selectAsText ? outputText('v') : 'v'
    const stream = client.query(copyTo(`COPY (SELECT ${selected} FROM asked ORDER BY n) TO STDOUT (FORMAT binary)`))
    const bytes: Buffer[] = []
    for await (const piece of stream) bytes.push(piece as Buffer)
    const table = {
      schema: 'public',
      name: 't',
      id: 1,
      version: '1',
      columns: [column('v', choice.type)],
      key: [],
      identity: 'full',
    } as const
    return { chunk: createChunkRows({ table, asText: [choice.selectAsText], bytes }), logical: choice.type }
  }
})

async function written(type: LogicalType, columns: Columns, misfit: Misfit): Promise<Value[]> {
  const writer = createParquetWriter(parquetSchema([column('v', type)], { misfit }), { compression: 'zstd' })
  const parts = [...writer.write(columns), ...writer.end({})]
  const rows: Row[] = await rowsOf(Buffer.concat(parts))
  return rows.map(([value]) => value as Value)
}

/** By `text` nothing is lost: what has no form of its own is JSON. */
function storedOf(type: LogicalType, value: Value): Value {
  if (value === null) return null
  return type.kind === 'array' ? encodeJson(type, value) : plainOf(type, value)
}

function plainOf(type: LogicalType, value: Value): Value {
  if (value === null) return null
  if (type.kind === 'map' || type.kind === 'composite') return encodeJson(type, value)
  // The cast: an array's canonical value.
  return type.kind === 'array' ? (value as readonly Value[]).map((item) => plainOf(type.of, item)) : value
}
