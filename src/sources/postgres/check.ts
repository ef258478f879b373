import type { Finding, SourceContext } from '../../contracts/definition.ts'
import { tableName } from '../../contracts/table.ts'
import { quoteIdentifier, quoteLiteral } from './catalogue-sql.ts'
import { readCatalogue, type CatalogueTable } from './catalogue.ts'
import { checkServer } from './check-server.ts'
import { failure, fine, fromError } from './findings.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import { closeConnection, connect, serverVersionOf, type Connection } from './connection.ts'
import { judgeTable } from './judge-table.ts'
import { findPublications } from './publication.ts'
import { useForeign } from './foreign-publication.ts'
import { queryRows } from './query.ts'
import { missingNames, scopeOf } from './scope.ts'
import { readHealth, readSlot } from './slot.ts'

/** Looks at everything that a run would need, changes nothing, and says of each finding how to mend it. */
export async function checkPostgres(config: PostgresConfig, context: SourceContext): Promise<readonly Finding[]> {
  let connection: Connection
  try {
    connection = await connect(config.url)
  } catch (error) {
    return [fromError(error, 'server')]
  }
  try {
    const parts = [checkServer, checkSlot, checkTables] as const
    const findings: Finding[] = []
    for (const part of parts) {
      try {
        findings.push(...(await part(connection, config, context)))
      } catch (error) {
        findings.push(fromError(error, part === checkTables ? 'tables' : 'server'))
      }
    }
    return findings
  } finally {
    await closeConnection(connection)
  }
}

async function checkSlot(connection: Connection, config: PostgresConfig, { pipeline }: SourceContext): Promise<readonly Finding[]> {
  const { slot } = namesOf(config, pipeline)
  const found = await readSlot(connection, slot)
  if (!found) return [{ ...fine('SLOT_MISSING', slot, `The slot ${slot} is not there yet: the first run makes it.`), severity: 'info' }]
  if (found.plugin !== 'pgoutput') return [failure('SLOT_PLUGIN', { slot, plugin: found.plugin ?? 'physical' }, slot)]
  if (found.database !== connection.database) return [failure('SLOT_DATABASE', { slot, database: found.database ?? 'none' }, slot)]
  if (found.walStatus === 'lost') return [failure('GAP_SLOT_LOST', { slot, position: found.confirmed ?? 'the checkpoint' }, slot)]
  const { retainedBytes, safeBytes, active } = await readHealth(connection, slot)
  const retained = `The slot ${slot} keeps ${megabytes(retainedBytes ?? 0)} of log${active ? '' : ', and nobody reads it'}.`
  const isWorrying = (!active && (retainedBytes ?? 0) > 1e9) || (safeBytes !== null && safeBytes < 1e9) || found.walStatus === 'unreserved'
  if (!isWorrying) return [fine('SLOT_OK', slot, retained)]
  return [
    {
      severity: 'warning',
      code: 'SLOT_RETAINS',
      subject: slot,
      message: retained + (safeBytes === null ? '' : ` The server drops the slot after ${megabytes(safeBytes)} more.`),
      hint: 'Run the pipeline, or remove it by `millrace drop`.',
    },
  ]
}

async function checkTables(connection: Connection, config: PostgresConfig, context: SourceContext): Promise<readonly Finding[]> {
  const { pipeline, keyNeededBy } = context
  const options = { pipeline, config, keyNeededBy, onRefused: 'leave-out' as const }
  const publications = await findPublications(connection, options)
  const name = publications.names[0] ?? ''
  const scope = scopeOf(connection, config, { publications: publications.names, viaRoot: true, publishesGenerated: false })
  if (!publications.ours) {
    const foreign = await useForeign(connection, { ...options, onRefused: 'throw' }, name)
    const count = foreign.tables.length
    return [
      fine('PUBLICATION_FOREIGN', name, `The publication ${name} is not ours and has what is needed: ${count} tables.`),
      ...(await checkRights(connection, foreign.tables)),
    ]
  }
  const tables = await readCatalogue(connection, scope)
  if (tables.length === 0) return [failure('TABLE_MISSING', { pattern: (config.tables ?? ['*.*']).join(', ') }, 'tables')]
  const names = tables.map((table) => tableName(table.table))
  const missing = missingNames(names, config).map((pattern) => failure('TABLE_MISSING', { pattern }, pattern))
  const wants = { major: scope.major, keyless: config.keyless, keyNeededBy, publishesGenerated: false }
  const verdicts = tables.map((table) => checkTable(table, judgeTable(table, wants)))
  const rights = publications.existing.length === 0 ? await checkPublishing(connection, name, tables) : []
  return [...rights, ...checkWhere(connection, config), ...missing, ...verdicts, ...(await checkRights(connection, tables))]
}

function checkTable(table: CatalogueTable, verdict: ReturnType<typeof judgeTable>): Finding {
  const name = tableName(table.table)
  if (verdict.enters === null) return fromError(verdict.error, name)
  if (verdict.enters === 'inserts')
    return {
      severity: 'warning',
      code: 'TABLE_INSERTS_ONLY',
      subject: name,
      message: `${name} has no key: its inserts and truncates alone are followed.`,
      hint: `Run ALTER TABLE ${name} ADD PRIMARY KEY (…).`,
    }
  const key = table.table.key.map((index) => table.table.columns[index]?.name).join(', ')
  return fine('TABLE_OK', name, `${name}: ${key ? `key (${key})` : 'no key'}, identity ${table.table.identity}.`)
}

function checkWhere(connection: Connection, config: PostgresConfig): readonly Finding[] {
  const version = serverVersionOf(connection)
  if (version >= 150_000 || Object.keys(config.where).length === 0) return []
  return [failure('WHERE_UNSUPPORTED', { version: String(Math.floor(version / 10_000)) }, 'where')]
}

/** Reading needs SELECT on each leaf, and USAGE on its schema. */
async function checkRights(connection: Connection, tables: readonly CatalogueTable[]): Promise<readonly Finding[]> {
  const ids = tables.flatMap((table) => table.leaves.map((leaf) => leaf.id))
  if (ids.length === 0) return []
  const rows = await queryRows(
    connection,
    `SELECT c.oid::regclass::text, n.nspname::text, has_schema_privilege(n.oid, 'USAGE')::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid IN (${ids.join(', ')}) AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')) ORDER BY 1`,
  )
  const role = connection.user ?? 'the role'
  return rows.map(([table, schema, usage]) => {
    const usageGrant = usage === 'true' ? '' : `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema ?? '')} TO ${quoteIdentifier(role)}; `
    const grant = `${usageGrant}GRANT SELECT ON ${table} TO ${quoteIdentifier(role)}`
    return failure('RIGHT_TABLE', { role, table: table ?? '', grant }, table ?? '')
  })
}

/** A publication needs CREATE on the database and the ownership of each table. */
async function checkPublishing(
  connection: Connection,
  publication: string,
  tables: readonly CatalogueTable[],
): Promise<readonly Finding[]> {
  const ids = tables.map((table) => table.table.id).join(', ')
  const rows = await queryRows(
    connection,
    `SELECT DISTINCT pg_get_userbyid(c.relowner)::text FROM pg_class c WHERE c.oid IN (${ids}) AND NOT pg_has_role(c.relowner, 'USAGE')`,
  )
  const [mayCreate] = await queryRows(
    connection,
    `SELECT has_database_privilege(${quoteLiteral(connection.database ?? '')}, 'CREATE')::text`,
  )
  const role = connection.user ?? 'the role'
  const database = quoteIdentifier(connection.database ?? '')
  const owners = rows.map(([owner]) => ({
    reason: `it must own the tables of ${owner}`,
    grant: `GRANT ${quoteIdentifier(owner ?? '')} TO ${quoteIdentifier(role)}`,
  }))
  const create =
    mayCreate?.[0] === 'true'
      ? []
      : [{ reason: 'it may not create in the database', grant: `GRANT CREATE ON DATABASE ${database} TO ${quoteIdentifier(role)}` }]
  return [...create, ...owners].map(({ reason, grant }) => failure('RIGHT_PUBLICATION', { role, publication, reason, grant }, publication))
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
