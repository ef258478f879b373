import { outputText, typeOf } from '../../codecs/pg-types/type-of.ts'
import { tableName, type Column } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteLiteral, typeClosureSql } from './catalogue-sql.ts'
import type { Readable } from './consistent-rows.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { toSourceError } from './errors.ts'
import { makeTable } from './make-table.ts'
import { queryRows } from './query.ts'
import { createTypeResolver } from './type-facts.ts'

/** A query that is read in place of a table. */
export type QueriedTable = { schema: string; name: string; sql: string }

export function queriedTables(queries: Readonly<Record<string, string>>): readonly QueriedTable[] {
  return Object.entries(queries).map(([label, sql]) => {
    const dot = label.indexOf('.')
    return { schema: label.slice(0, dot), name: label.slice(dot + 1), sql: sql.replace(/[;\s]+$/, '') }
  })
}

/** A query's names are found as in any session of the role; everything else is named in full. */
const OWN_PATH = 'SET LOCAL search_path TO DEFAULT'
const NO_PATH = `SET LOCAL search_path = ''`

export function explainSql(query: string): string {
  return `${OWN_PATH}; EXPLAIN SELECT * FROM (${query}\n) q; ${NO_PATH}`
}

/** Its columns as the server describes them, without running it. */
export async function describeQuery(connection: Connection, query: QueriedTable): Promise<Readable> {
  const fields = await fieldsOf(connection, query.sql)
  const double = fields.find((field, index) => fields.findIndex((other) => other.name === field.name) !== index)
  if (double) throw new MillraceError('ARCHIVE_QUERY', { table: tableName(query), reason: `two of its columns are named ${double.name}` })
  const major = Math.floor(serverVersionOf(connection) / 10_000)
  const oids = [...new Set(fields.map((field) => field.dataTypeID))]
  const [types, words] = [
    await queryRows(connection, typeClosureSql(`SELECT unnest(${quoteLiteral(`{${oids.join(',')}}`)}::oid[])`)),
    await queryRows(
      connection,
      `SELECT format_type(o::oid, m::int4) FROM unnest(${numbers(fields.map((field) => field.dataTypeID))}, ${numbers(fields.map((field) => field.dataTypeModifier))}) WITH ORDINALITY u(o, m, i) ORDER BY i`,
    ),
  ]
  const resolve = createTypeResolver(types)
  const choices = fields.map((field) => {
    const facts = resolve(field.dataTypeID, field.dataTypeModifier)
    return facts ? typeOf(facts, major) : { type: { kind: 'unknown', name: `type ${field.dataTypeID}` } as const, selectAsText: true }
  })
  const columns = fields.map((field, index): Column => ({
    name: field.name,
    id: index + 1,
    type: choices[index]!.type, // made from the same list
    sourceType: words[index]?.[0] ?? '',
    typeOid: field.dataTypeID,
    typeModifier: field.dataTypeModifier,
    nullable: true,
  }))
  const table = makeTable({ schema: query.schema, name: query.name, id: 0, columns, key: [], identity: 'nothing' })
  return { table, asText: choices.map((choice) => choice.selectAsText) }
}

export function copyQuerySql(query: string, { asText }: Pick<Readable, 'asText'>): string {
  const names = asText.map((_, index) => `c${index + 1}`)
  const columns = names.map((column, index) => (asText[index] ? outputText(column) : column))
  return `COPY (SELECT ${columns.join(', ')} FROM (${query}\n) q${names.length > 0 ? `(${names.join(', ')})` : ''}) TO STDOUT (FORMAT binary)`
}

export function countQuerySql(query: string): string {
  return `SELECT count(*)::text FROM (${query}\n) q`
}

/** Runs `work` with the role's own search path. */
export async function withOwnPath<Result>(connection: Connection, work: () => Promise<Result>): Promise<Result> {
  await queryRows(connection, OWN_PATH)
  const result = await work()
  await queryRows(connection, NO_PATH)
  return result
}

async function fieldsOf(connection: Connection, sql: string) {
  try {
    const described = await withOwnPath(connection, () =>
      connection.query({ text: `SELECT * FROM (${sql}\n) q LIMIT 0`, rowMode: 'array' }),
    )
    return described.fields
  } catch (error) {
    throw toSourceError(error, { phase: 'query' })
  }
}

function numbers(values: readonly number[]): string {
  return `'{${values.join(',')}}'::int8[]`
}
