import type pg from 'pg'
import type { PgTypeFacts } from '../../src/codecs/pg-types/type-of.ts'

/** The facts of a type by its SQL name, for tests: one query a type (the source reads them in bulk). */
export async function readTypeFacts(client: pg.Client, sqlName: string): Promise<PgTypeFacts> {
  await client.query(`DROP TABLE IF EXISTS facts_of; CREATE TEMP TABLE facts_of (v ${sqlName})`)
  const [column] = await rows(
    client,
    `SELECT atttypid::int8 AS oid, atttypmod AS modifier FROM pg_attribute WHERE attrelid = 'facts_of'::regclass AND attnum = 1`,
    [],
  )
  return factsOf(client, String(column?.oid), Number(column?.modifier))
}

async function factsOf(client: pg.Client, oid: string, modifier: number): Promise<PgTypeFacts> {
  const [type] = await rows(
    client,
    `SELECT t.oid::int8, typname, nspname, typtype, typdelim, typbasetype::int8 AS base, typtypmod, typrelid::int8 AS relation,
       CASE WHEN typelem <> 0 AND typlen = -1 AND typcategory = 'A' THEN typelem::int8 END AS element,
       (SELECT extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') AS extension
     FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE t.oid = $1`,
    [oid],
  )
  if (!type) throw new Error(`There is no type ${oid}`)
  const labels = await rows(client, 'SELECT enumlabel FROM pg_enum WHERE enumtypid = $1 ORDER BY enumsortorder', [oid])
  const fields = await rows(
    client,
    `SELECT attname, atttypid::int8 AS oid, atttypmod FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [type.relation],
  )
  const fieldFacts = []
  for (const field of fields)
    fieldFacts.push({ name: String(field.attname), type: await factsOf(client, String(field.oid), Number(field.atttypmod)) })
  return {
    oid: Number(type.oid),
    modifier,
    name: String(type.typname),
    schema: String(type.nspname),
    typtype: type.typtype as PgTypeFacts['typtype'],
    extension: type.extension as string | null,
    element: type.element === null ? null : await factsOf(client, String(type.element), -1),
    delimiter: String(type.typdelim),
    base: type.typtype === 'd' ? await factsOf(client, String(type.base), Number(type.typtypmod)) : null,
    labels: type.typtype === 'e' ? labels.map(({ enumlabel }) => String(enumlabel)) : null,
    fields: type.typtype === 'c' ? fieldFacts : null,
  }
}

async function rows(client: pg.Client, text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const result = await client.query<Record<string, unknown>>(text, values)
  return result.rows
}
