import { inspect } from 'node:util'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import type { RowChange } from '../../contracts/change.ts'
import type { ChunkRows } from '../../contracts/source.ts'
import type { LogicalType, Table, Value } from '../../contracts/table.ts'
import { canonicalEquals } from '../../values/canonical-equals.ts'
import { createChunkRows } from '../pg-copy/create-chunk-rows.ts'
import { readVector } from '../../../test/oracle/read-vector.ts'
import { imagesOf } from '../../../test/oracle/images-of.ts'
import { createNative } from '../../formats/native/native.ts'
import { holdsJson } from '../../messages/json/value-text.ts'
import { createTextDecoder } from './create-text-decoder.ts'
import { readTypeFacts } from '../../../test/oracle/read-type-facts.ts'
import { ARRAY_CASES, MADE_CASES, SCALAR_CASES, SESSION, SETUP, type OracleCase } from '../../../test/oracle/cases.ts'
import { toPgText } from './to-pg-text.ts'
import { outputText, typeOf } from './type-of.ts'

/**
 * The server as the oracle: it prints a value and sends it by COPY BINARY; both must decode to one canonical value,
 * in rows and in columns, and that value written back must be printed as before.
 */
describe.each(testedMajors([14, 18]))('Postgres %i', (major) => {
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
  it.each(cases)('reads $type alike from text, from rows and from columns, and writes it back', async (one) => {
    await ask(one)
  })

  const elements = [...SCALAR_CASES, ...MADE_CASES].filter(({ since = 14, until = 99 }) => since <= major && major <= until)
  it.each(elements)('reads arrays of $type alike, and writes them back', async ({ type, literals }) => {
    const quoted = literals.filter((text) => text.length < 4000).map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)
    const delimiter = type === 'box' ? ';' : ','
    const list = quoted.join(delimiter)
    const literalsOfArrays = [`{${list}${delimiter}NULL}`, `[-1:${quoted.length - 2}]={${list}}`, `{{${list}}${delimiter}{${list}}}`, '{}']
    await ask({ type: `${type}[]`, literals: literalsOfArrays })
  })

  it('reads reals alike at every power of two and at random', async () => {
    const query = `SELECT v::float4 AS v FROM (SELECT i * 4.0 AS v FROM generate_series(8388600, 8398600) i UNION ALL SELECT 2::float8 ^ e * s AS v FROM generate_series(-149, 127) e, (VALUES (1), (1.0000001), (0.9999999)) AS f(s)
      UNION ALL SELECT (random() - 0.5) * 10::float8 ^ (random() * 70 - 35) FROM generate_series(1, 20000)) AS x WHERE abs(v) BETWEEN 1e-44 AND 3e38`
    await compare({ type: { kind: 'float32' }, selectAsText: false }, query)
  })

  it('reads numeric, timestamps, dates, intervals and times alike at random', async () => {
    const random = (expression: string) => `SELECT ${expression} AS v FROM generate_series(1, 3000)`
    const digits = `((random() - 0.5)::numeric * 10::numeric ^ (random() * 60 - 30)::int)`
    await compare({ type: { kind: 'decimal', precision: null, scale: null }, selectAsText: false }, random(digits))
    await compare(
      { type: { kind: 'decimal', precision: null, scale: null }, selectAsText: false },
      random(`round(${digits}, (random() * 8)::int)`),
    )
    const moment = `make_timestamp(1, 1, 1, 0, 0, 0) + (random() * 290000 * 365.2425) * interval '1 day'`
    await compare({ type: { kind: 'timestamp' }, selectAsText: false }, random(moment))
    await compare({ type: { kind: 'timestamptz' }, selectAsText: false }, random(`(${moment})::timestamptz`))
    const near = `timestamp '1600-01-01' + (random() * 800 * 365.2425) * interval '1 day'`
    await compare({ type: { kind: 'timestamp' }, selectAsText: false }, random(near))
    await compare({ type: { kind: 'date' }, selectAsText: false }, random(`(date '4714-11-24 BC' + (random() * 2e9)::int)`))
    await compare({ type: { kind: 'date' }, selectAsText: false }, random(`(date '0100-01-01 BC' + (random() * 200000)::int)`))
    await compare({ type: { kind: 'time' }, selectAsText: false }, random(`(${near})::time`))
    const span = `make_interval(months => ((random() - 0.5) * 100)::int, days => ((random() - 0.5) * 100)::int, secs => (random() - 0.5) * 10 ^ (random() * 8)::int)`
    await compare({ type: { kind: 'interval' }, selectAsText: false }, random(span))
  })

  /** Asks about literals of one type, NULL among them. */
  async function ask({ type, literals }: OracleCase): Promise<void> {
    const facts = await readTypeFacts(client, type)
    const choice = typeOf(facts, major)
    await client.query(`DROP TABLE IF EXISTS asked; CREATE TABLE asked (n serial, v ${type})`)
    for (const literal of literals) await client.query(`INSERT INTO asked (v) VALUES ($1)`, [literal])
    await client.query(`INSERT INTO asked (v) VALUES (NULL)`)
    await compare(choice, 'SELECT v FROM asked ORDER BY n')
    // By the text of everything too: it is the fallback for any type.
    await compare({ ...choice, selectAsText: true }, 'SELECT v FROM asked ORDER BY n')
  }

  async function compare({ type, selectAsText }: { type: LogicalType; selectAsText: boolean }, query: string): Promise<void> {
    await client.query(
      `DROP TABLE IF EXISTS answers; CREATE TABLE answers AS SELECT row_number() OVER ()::int AS n, v FROM (${query}) AS q`,
    )
    const printed = await printedValues('SELECT v FROM answers ORDER BY n')
    const decode = createTextDecoder(type)
    const expected = printed.map((text) => (text === null ? null : decode(text, 0, text.length)))
    const copied = await copy(type, selectAsText)
    expect(copied.rowCount).toBe(printed.length)
    const vector = copied.columns().vectors[1]!
    for (const [at, row] of copied.rows().entries()) {
      const value = expected[at] as Value
      const text = printed[at]?.toString().slice(0, 100)
      expect(canonicalEquals(row[1]!, value), `row ${at}: ${text} gives ${inspect(row[1])} and ${inspect(value)}`).toBe(true)
      expect(canonicalEquals(readVector(vector, type, at), value), `column ${at}: ${text}`).toBe(true)
    }
    compareImages(type, { expected, printed })
    await writeBack(type, expected, printed)
  }

  /** Rows as the log sends them, not decoded: each way out of them says what the decoded value says. */
  function compareImages(type: LogicalType, { expected, printed }: { expected: readonly Value[]; printed: readonly (Buffer | null)[] }) {
    const table = tableOf(type)
    const images = imagesOf(table, printed)
    const vector = images[0]!.reader.columns(images).vectors[1]!
    const keys = images[0]!.reader.columns(images, [0]).vectors
    expect(keys).toHaveLength(1)
    const format = createNative()
    const [out, line] = [Buffer.alloc(64 * 1024), Buffer.alloc(256 * 1024)]
    const tx = { position: '00000000000000AF', xid: 7, commitTimeUs: 1_795_198_936_248_573 }
    for (const [at, image] of images.entries()) {
      const value = expected[at] as Value
      const about = `row ${at}: ${printed[at]?.toString().slice(0, 100)}`
      expect(image.isNull(1), about).toBe(value === null)
      expect(canonicalEquals(image.value(1), value), about).toBe(true)
      expect(canonicalEquals(image.row()[1]!, value), about).toBe(true)
      expect(canonicalEquals(readVector(vector, type, at), value), `column of ${about}`).toBe(true)
      const end = image.bytes < out.length / 2 ? image.write(1, out, 3) : -1
      if (end >= 0) expect(out.toString('utf8', 3, end), about).toBe(String(value))
      const change: RowChange = { op: 'insert', table, before: null, oldKey: null, after: image.row(), ordinal: at, tx }
      const text = format.changeLine(change)
      const stop = format.writeLine!({ ...change, image }, line, 5)
      if (stop >= 0) expect(line.toString('utf8', 5, stop), about).toBe(text)
      else expect(type.kind === 'json' || image.bytes > 16_000 || holdsJson(type), about).toBe(true)
    }
  }

  /** Text as the log sends it: the type's output function, raw. */
  async function printedValues(query: string): Promise<(Buffer | null)[]> {
    const raw = { getTypeParser: () => (text: string) => text }
    const result = await client.query({ text: query, rowMode: 'array', types: raw } as unknown as pg.QueryArrayConfig)
    return result.rows.map(([text]) => (text === null ? null : Buffer.from(text as string)))
  }

  async function copy(type: LogicalType, selectAsText: boolean): Promise<ChunkRows> {
    const stream = client.query(
      copyTo(`COPY (SELECT n, ${selectAsText ? outputText('v') : 'v'} FROM answers ORDER BY n) TO STDOUT (FORMAT binary)`),
    )
    const bytes: Buffer[] = []
    for await (const piece of stream) bytes.push(piece as Buffer)
    return createChunkRows({ table: tableOf(type), asText: [false, selectAsText], bytes })
  }

  /** Reads the canonical values in again and sees that the server prints them as it did. */
  async function writeBack(type: LogicalType, values: readonly Value[], printed: readonly (Buffer | null)[]): Promise<void> {
    const texts = values.map((value) => (value === null ? null : toPgText(type, value)))
    await client.query(
      'CREATE TEMP TABLE IF NOT EXISTS written (n int); DROP TABLE written; CREATE TEMP TABLE written AS SELECT n, v FROM answers WHERE false',
    )
    const distinct = texts.slice(0, 200)
    for (const [n, text] of distinct.entries()) await client.query('INSERT INTO written VALUES ($1, $2)', [n, text])
    const again = await printedValues('SELECT v FROM written ORDER BY n')
    expect(again.map(String)).toEqual(printed.slice(0, distinct.length).map(String))
  }
})

function tableOf(type: LogicalType): Table {
  const column = { sourceType: '', typeOid: 0, typeModifier: -1, nullable: true }
  return {
    schema: 'public',
    name: 'answers',
    id: 1,
    version: '1',
    columns: [
      { ...column, name: 'n', id: 1, type: { kind: 'int32' } },
      { ...column, name: 'v', id: 2, type },
    ],
    key: [0],
    identity: 'key',
  }
}
