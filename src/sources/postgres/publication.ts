import { MillraceError } from '../../errors/millrace-error.ts'
import { tableName } from '../../contracts/table.ts'
import { quoteIdentifier, quoteLiteral, quoteName } from './catalogue-sql.ts'
import { readCatalogue, type CatalogueTable, type Scope } from './catalogue.ts'
import { namesOf, type PostgresConfig } from './config.ts'
import { serverVersionOf, type Connection } from './connection.ts'
import { sqlstateOf, toSourceError } from './errors.ts'
import { useForeign } from './foreign-publication.ts'
import { judgeTable, type Wants } from './judge-table.ts'
import { missingNames, scopeOf } from './scope.ts'
import { entryOf, planPublication, type Entry, type Member, type Step } from './publication-plan.ts'
import { isGone, queryRows } from './query.ts'

/** The publications of a pipeline as they are in the server, in step with the configuration. */
export type Publications = {
  ours: boolean
  /** For START_REPLICATION. */
  names: readonly string[]
  scope: Scope
  tables: readonly CatalogueTable[]
  /** Tables whose column list or row filter was changed just now: what was read of them before is not what is sent now. */
  altered: readonly CatalogueTable[]
  /** Tables that match and may not enter, where `onRefused` is `leave-out`. */
  refused: readonly { id: number; error: MillraceError }[]
}

export type PublicationOptions = {
  pipeline: string
  config: PostgresConfig
  keyNeededBy: string | null
  /** At the start a table that may not enter is an error; one that appears later waits outside until it is mended. */
  onRefused: 'throw' | 'leave-out'
  /** Told which tables are put into a publication, before anybody can see them there. */
  entering?: (ids: readonly number[]) => Promise<void>
}

/** So often is begun anew where tables are dropped between the look at them and the publication. */
const ATTEMPTS = 10

/**
 * Makes the publications, or brings them in step, before any slot is made: a slot's history starts with them in it.
 * Statements and verdict are one transaction, whose locks keep ALTER TABLE out: so no table is ever published, for
 * anybody else to see, in a way that would make its UPDATE or DELETE fail.
 */
export async function ensurePublications(connection: Connection, options: PublicationOptions): Promise<Publications> {
  const found = await findPublications(connection, options)
  if (!found.ours) return useForeign(connection, options, found.names[0] ?? '')
  checkWhereIsKnown(connection, options.config)
  const scope = scopeOf(connection, options.config, { publications: found.names, viaRoot: true, publishesGenerated: false })
  // A filter is judged by the server: a newcomer that it condemns is left out in a second round, without it.
  const condemned = new Map<number, MillraceError>()
  for (let attempt = 1; ; attempt++) {
    const before = await readCatalogue(connection, scope)
    if (options.onRefused === 'throw') checkNamed(before, options.config)
    const plan = await planFor(connection, { options, found, scope, before, condemned })
    const outcome = await carryOut(connection, { options, scope, before, ...plan }).catch((error: unknown) => {
      // A table was dropped since the look: what it would have been part of was rolled back.
      if (isGone(error) && attempt < ATTEMPTS) return null
      throw error
    })
    if (outcome === null) continue
    if (outcome.condemned === null)
      return { ours: true, names: found.names, scope, ...outcome, refused: refusedOf(outcome.tables, plan.refused) }
    condemned.set(outcome.condemned.id, outcome.condemned.error)
  }
}

/** The names that a pipeline's publications have, and whether those in the server are ours. */
export async function findPublications(
  connection: Connection,
  { pipeline, config }: Pick<PublicationOptions, 'pipeline' | 'config'>,
): Promise<{ names: readonly string[]; ours: boolean; existing: readonly string[] }> {
  const { publication } = namesOf(config, pipeline)
  const names = [publication, insertsName(publication)]
  const rows = await queryRows(
    connection,
    `SELECT pubname::text, obj_description(oid, 'pg_publication') FROM pg_publication WHERE pubname IN (${names.map(quoteLiteral).join(', ')})`,
  )
  const existing = rows.map(([name]) => name ?? '')
  const isForeign = rows.some(([name, comment]) => name === publication && comment !== commentOf(pipeline))
  return isForeign ? { names: [publication], ours: false, existing } : { names, ours: true, existing }
}

export function commentOf(pipeline: string): string {
  return `millrace:${pipeline}`
}

/**
 * Holds the tables without a key under `insert-only`. It is always made beside the first: the log is decoded with the
 * publications as they were, and one that a slot's history does not hold yet ends the stream with an error.
 */
export function insertsName(publication: string): string {
  return `${publication}_inserts`
}

type Plan = { steps: readonly Step[]; missing: readonly string[]; refused: ReadonlyMap<number, MillraceError> }

async function planFor(
  connection: Connection,
  at: {
    options: PublicationOptions
    found: { names: readonly string[]; existing: readonly string[] }
    scope: Scope
    before: readonly CatalogueTable[]
    condemned: ReadonlyMap<number, MillraceError>
  },
): Promise<Plan> {
  const { options, found, scope, before } = at
  const wants = wantsOf(options, scope)
  const refused = new Map(at.condemned)
  const entries: Entry[] = []
  for (const table of before) {
    // What the present list and filter do is not asked here: they may be about to change.
    const verdict = judgeTable({ ...table, list: null, filterColumns: [], attributes: asPlanned(table, scope) }, wants)
    if (verdict.enters === null) refused.set(table.table.id, verdict.error)
    else if (!refused.has(table.table.id)) entries.push(entryFor(table, verdict.enters, { options, scope, names: found.names }))
  }
  if (options.onRefused === 'throw') for (const error of refused.values()) throw error
  // A table that is in stays in, though it should not be: to take it out would lose its changes. The next start says so.
  const members = (await readMembers(connection, found.names)).filter((member) => !refused.has(member.id))
  const trustFilters = options.onRefused === 'leave-out'
  return {
    steps: planPublication(entries, { tables: before, members, trustFilters }),
    missing: found.names.filter((name) => !found.existing.includes(name)),
    refused,
  }
}

type Outcome = Pick<Publications, 'tables' | 'altered'> & { condemned: { id: number; error: MillraceError } | null }

async function carryOut(
  connection: Connection,
  work: Plan & { options: PublicationOptions; scope: Scope; before: readonly CatalogueTable[] },
): Promise<Outcome> {
  const { options, scope, before, steps, missing } = work
  if (steps.length === 0 && missing.length === 0) return outcomeOf(before, work)
  await connection.query('BEGIN')
  try {
    for (const name of missing) await makePublication(connection, name, options)
    for (const step of steps) await runStep(connection, step, options)
    const outcome = outcomeOf(await readCatalogue(connection, scope), work)
    if (!outcome.condemned) await options.entering?.(newcomers(outcome.tables, before))
    await connection.query(outcome.condemned ? 'ROLLBACK' : 'COMMIT')
    return outcome
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => {})
    throw toSourceError(error, { phase: 'query' })
  }
}

function outcomeOf(
  after: readonly CatalogueTable[],
  { options, scope, before, refused }: Plan & { options: PublicationOptions; scope: Scope; before: readonly CatalogueTable[] },
): Outcome {
  const tables = after.filter((table) => table.publishedBy !== null)
  const known = new Map(before.map((table) => [table.table.id, table]))
  for (const table of tables) {
    const verdict = judgeTable(table, wantsOf(options, scope))
    if (verdict.enters !== null || refused.has(table.table.id)) continue
    if (options.onRefused === 'throw') throw verdict.error
    if (known.get(table.table.id)?.publishedBy == null)
      return { tables, altered: [], condemned: { id: table.table.id, error: verdict.error } }
  }
  return { tables, altered: tables.filter((table) => isAltered(table, known.get(table.table.id))), condemned: null }
}

function newcomers(after: readonly CatalogueTable[], before: readonly CatalogueTable[]): readonly number[] {
  const published = new Set(before.filter((table) => table.publishedBy !== null).map((table) => table.table.id))
  return after.map((table) => table.table.id).filter((id) => !published.has(id))
}

/** Other rows or columns are sent than before, of a table that was sent before. */
function isAltered(table: CatalogueTable, before: CatalogueTable | undefined): boolean {
  if (!before || before.publishedBy === null) return false
  return table.rowFilter !== before.rowFilter || String(table.list) !== String(before.list)
}

function refusedOf(tables: readonly CatalogueTable[], refused: ReadonlyMap<number, MillraceError>): Publications['refused'] {
  const published = new Set(tables.map((table) => table.table.id))
  return [...refused].filter(([id]) => !published.has(id)).map(([id, error]) => ({ id, error }))
}

function wantsOf(options: PublicationOptions, scope: Scope): Wants {
  return {
    major: scope.major,
    keyless: options.config.keyless,
    keyNeededBy: options.keyNeededBy,
    publishesGenerated: scope.publishesGenerated,
  }
}

/** The attributes as they will be sent once the publication is in step with the configuration. */
function asPlanned(table: CatalogueTable, scope: Scope): CatalogueTable['attributes'] {
  return table.attributes.map((attribute) => ({
    ...attribute,
    included: !attribute.dropped && attribute.generated === '' && scope.wantsColumn(tableName(table.table), attribute.name),
  }))
}

function entryFor(
  table: CatalogueTable,
  enters: 'changes' | 'inserts',
  { options, scope, names }: { options: PublicationOptions; scope: Scope; names: readonly string[] },
): Entry {
  const label = tableName(table.table)
  return entryOf(table, {
    publication: names[enters === 'changes' ? 0 : 1] ?? '',
    hasLists: scope.major >= 15,
    wantsColumn: (column) => scope.wantsColumn(label, column),
    where: options.config.where[label] ?? null,
  })
}

function checkWhereIsKnown(connection: Connection, config: PostgresConfig): void {
  const version = serverVersionOf(connection)
  if (version < 150_000 && Object.keys(config.where).length > 0)
    throw new MillraceError('WHERE_UNSUPPORTED', { version: `${Math.floor(version / 10_000)}.${version % 10_000}` })
}

/** What the configuration names one by one must be there. */
function checkNamed(tables: readonly CatalogueTable[], config: PostgresConfig): void {
  const byName = new Map(tables.map((table) => [tableName(table.table), table]))
  if (tables.length === 0 && config.tables) throw new MillraceError('TABLE_MISSING', { pattern: config.tables.join(', ') })
  const [missing] = missingNames([...byName.keys()], config)
  if (missing !== undefined) throw new MillraceError('TABLE_MISSING', { pattern: missing })
  for (const [name, patterns] of Object.entries(config.columns)) {
    const columns =
      byName
        .get(name)
        ?.attributes.filter((attribute) => !attribute.dropped)
        .map((attribute) => attribute.name) ?? []
    const unknown = patterns
      .map((pattern) => pattern.replace(/^!/, ''))
      .filter((column) => !/[*?]/.test(column) && !columns.includes(column))
    if (unknown.length > 0) throw new MillraceError('COLUMNS_INVALID', { table: name, columns: unknown.join(', ') })
  }
}

async function readMembers(connection: Connection, publications: readonly string[]): Promise<readonly Member[]> {
  const rows = await queryRows(
    connection,
    `SELECT r.prrelid::text, p.pubname::text, n.nspname::text, c.relname::text FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
     JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE p.pubname IN (${publications.map(quoteLiteral).join(', ')})`,
  )
  return rows.map(([id, publication, schema, name]) => ({
    id: Number(id),
    publication: publication ?? '',
    name: quoteName({ schema: schema ?? '', name: name ?? '' }),
  }))
}

async function makePublication(connection: Connection, name: string, options: PublicationOptions): Promise<void> {
  const { publication } = namesOf(options.config, options.pipeline)
  const publish = name === publication ? 'insert, update, delete, truncate' : 'insert, truncate'
  const quoted = quoteIdentifier(name)
  const step = { label: name, where: null }
  await runStep(
    connection,
    { ...step, sql: `CREATE PUBLICATION ${quoted} WITH (publish = '${publish}', publish_via_partition_root = true)` },
    options,
  )
  await runStep(connection, { ...step, sql: `COMMENT ON PUBLICATION ${quoted} IS ${quoteLiteral(commentOf(options.pipeline))}` }, options)
}

async function runStep(connection: Connection, step: Step, { config, pipeline }: PublicationOptions): Promise<void> {
  try {
    await connection.query(step.sql)
  } catch (error) {
    const { publication } = namesOf(config, pipeline)
    const reason = error instanceof Error ? error.message : String(error)
    const role = connection.user ?? 'the role'
    if (sqlstateOf(error) === '42501')
      throw new MillraceError('RIGHT_PUBLICATION', {
        role,
        publication,
        reason,
        grant: grantFor(reason, { role, database: connection.database ?? '' }),
      })
    const isFilter = step.where !== null && /^(42|0A|22)/.test(sqlstateOf(error) ?? '')
    if (isFilter) throw new MillraceError('WHERE_INVALID', { table: step.label, reason })
    throw toSourceError(error, { phase: 'query', user: role, publication })
  }
}

function grantFor(reason: string, { role, database }: { role: string; database: string }): string {
  if (reason.includes('database')) return `GRANT CREATE ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(role)}`
  return `GRANT <the owner of the tables> TO ${quoteIdentifier(role)}`
}
