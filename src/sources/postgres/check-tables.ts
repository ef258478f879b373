import { hash } from 'node:crypto'
import type { Finding } from '../../contracts/definition.ts'
import type { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier, quoteName } from './catalogue-sql.ts'
import type { CatalogueTable } from './catalogue.ts'
import type { Survey } from './check-survey.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { sqlstateOf } from './errors.ts'
import { counted, failure, fine, fromError, warning } from './findings.ts'
import { queryRows } from './query.ts'

/** Each table: whether it may be followed, by what key, and else the exact ALTER that lets it. */
export async function checkTables(connection: Connection, survey: Survey): Promise<readonly Finding[]> {
  const { tables, missing } = survey
  if (tables.length === 0 && missing.length === 0) return [noTables(survey)]
  const unkeyed = tables.filter(({ verdict }) => verdict.enters !== 'changes').map(({ table }) => table.table.id)
  const indexes = await readUsableIndexes(connection, unkeyed)
  return [
    ...missing.map((pattern) => failure('TABLE_MISSING', { pattern }, pattern)),
    ...(await whereFindings(connection, survey)),
    ...columnFindings(survey),
    ...tables.map((each) => checkTable(each, indexes.get(each.table.table.id) ?? null)),
  ]
}

function noTables({ config, foreign, publication }: Survey): Finding {
  if (!foreign || config.tables) return failure('TABLE_MISSING', { pattern: (config.tables ?? ['*.*']).join(', ') }, 'tables')
  return warning({
    code: 'PUBLICATION_EMPTY',
    subject: publication,
    message: `The publication ${publication} holds no tables.`,
    hint: `Run ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ….`,
  })
}

function checkTable({ table, name, verdict }: Survey['tables'][number], index: string | null): Finding {
  if (verdict.enters === null) return refused(table, name, { error: verdict.error, index })
  if (verdict.enters === 'changes') return fine('TABLE_OK', name, `${name}: ${keyWords(table)}${leavesWords(table)}`)
  const message = `${name} has no key: only its inserts and truncates are followed; rows that change or go stay as they were.`
  return warning({ code: 'TABLE_INSERTS_ONLY', subject: name, message, hint: `To follow everything, run ${keyAdvice(table, index)}.` })
}

function refused(table: CatalogueTable, name: string, { error, index }: { error: MillraceError; index: string | null }): Finding {
  const finding = fromError(error, name)
  const { code } = finding
  if (code === 'TABLE_KEYLESS')
    return {
      ...finding,
      hint: `Run ${keyAdvice(table, index)}; leave it out by "!${name}" in \`source.tables\`; or set \`source.keyless: insert-only\`.`,
    }
  if (code === 'TABLE_IDENTITY_NOTHING') {
    const identity = table.table.key.length > 0 ? 'DEFAULT' : 'FULL'
    return {
      ...finding,
      hint: `Run ALTER TABLE ${quoteName(table.table)} REPLICA IDENTITY ${identity}; or leave it out by "!${name}" in \`source.tables\`.`,
    }
  }
  return finding
}

function keyWords({ table }: CatalogueTable): string {
  const key = table.key.map((index) => table.columns[index]?.name).join(', ')
  if (table.identity === 'full') return `${key ? `key (${key})` : 'no key'}, whole old rows in the log (REPLICA IDENTITY FULL)`
  return key ? `key (${key})` : 'no key'
}

function leavesWords({ partitioned, leaves }: CatalogueTable): string {
  return partitioned ? `, ${counted(leaves.length, 'partition')} followed through it` : ''
}

function keyAdvice({ table }: CatalogueTable, index: string | null): string {
  const name = quoteName(table)
  const way =
    index === null
      ? `ALTER TABLE ${name} ADD PRIMARY KEY (…)`
      : `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${quoteIdentifier(index)}`
  return `${way}, or (more log for each change) ALTER TABLE ${name} REPLICA IDENTITY FULL`
}

/** By table, an index that could be its replica identity: https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY */
async function readUsableIndexes(connection: Connection, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  if (ids.length === 0) return new Map()
  const rows = await queryRows(
    connection,
    `SELECT DISTINCT ON (x.indrelid) x.indrelid::text, i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
     WHERE x.indrelid = ANY ('{${ids.join(',')}}'::oid[]) AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
       AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey) AND NOT a.attnotnull)
     ORDER BY x.indrelid, x.indnkeyatts, i.relname`,
  )
  return new Map(rows.map(([table, index]) => [Number(table), index ?? '']))
}

/** A filter is the server's to read: it is asked, without anything being made or run. */
async function whereFindings(connection: Connection, { config, tables }: Survey): Promise<readonly Finding[]> {
  const version = serverVersionOf(connection)
  if (Object.keys(config.where).length === 0) return []
  if (version < 150_000) return [failure('WHERE_UNSUPPORTED', { version: String(Math.floor(version / 10_000)) }, 'where')]
  const findings: Finding[] = []
  for (const { table, name } of tables) {
    const filter = config.where[name]
    if (filter === undefined) continue
    const reason = await refusalOf(connection, `EXPLAIN SELECT FROM ONLY ${quoteName(table.table)} WHERE (${filter}\n)`)
    const outside = columnsOutsideIdentity(filter, table)
    if (reason !== null) findings.push(failure('WHERE_INVALID', { table: name, reason }, name))
    else if (outside.length > 0) findings.push(failure('WHERE_BREAKS_UPDATES', { table: name, columns: outside.join(', ') }, name))
  }
  return findings
}

/** A named statement is prepared, and so can be one only: a filter never ends it and begins another. */
async function refusalOf(connection: Connection, text: string): Promise<string | null> {
  try {
    await connection.query({ name: `millrace_check_${hash('sha256', text).slice(0, 16)}`, text })
    return null
  } catch (error) {
    return sqlstateOf(error) === '42501' ? null : error instanceof Error ? error.message : String(error)
  }
}

/** By their names in the text, literals left out; the run asks the server itself. */
function columnsOutsideIdentity(filter: string, { attributes, leaves }: CatalogueTable): readonly string[] {
  const words = new Set(filter.replace(/'(?:[^']|'')*'/g, ' ').match(/[\p{L}_][\p{L}\p{N}_$]*/gu))
  return attributes
    .filter(({ name, dropped }) => !dropped && words.has(name))
    .map(({ name }) => name)
    .filter((name) => leaves.some((leaf) => leaf.identity !== 'full' && !leaf.identityColumns?.includes(name)))
}

function columnFindings({ tables, config }: Survey): readonly Finding[] {
  return tables.flatMap(({ table, name }) => {
    const known = new Set(table.attributes.filter(({ dropped }) => !dropped).map((attribute) => attribute.name))
    const named = (config.columns[name] ?? []).map((pattern) => pattern.replace(/^!/, ''))
    const unknown = named.filter((column) => !/[*?]/.test(column) && !known.has(column))
    return unknown.length > 0 ? [failure('COLUMNS_INVALID', { table: name, columns: unknown.join(', ') }, name)] : []
  })
}
