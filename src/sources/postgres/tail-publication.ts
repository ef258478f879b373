import type { TailOptions } from '../../contracts/definition.ts'
import { tableName } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { nearestName } from '../../lib/nearest-name.ts'
import { readCatalogue, type CatalogueTable } from './catalogue.ts'
import type { PostgresConfig } from './config.ts'
import type { Connection } from './connection.ts'
import { queryRows } from './query.ts'
import { ensurePublications, type PublicationOptions, type Publications } from './publication.ts'
import { scopeOf } from './scope.ts'
import { createPatternMatcher, exactPatterns } from '../../lib/table-patterns.ts'
import { coversTable, readPublished, type Published } from './tail-published.ts'

export type TailWish = {
  config: PostgresConfig
  options: TailOptions
  /** The pipeline that a publication made for this look is named after. */
  pipeline: string
  isStandby: boolean
}

/**
 * The publication that a look goes through, first that applies:
 * 1. the one that is named;
 * 2. one that is there and sends every table that is asked for, whole: the one that sends the fewest others;
 * 3. one made for it, by the same rules as a pipeline's own: no table is published so that its UPDATE or DELETE would fail.
 */
export async function findTailPublications(connection: Connection, wish: TailWish): Promise<Publications> {
  const { config, options, isStandby } = wish
  const scope = scopeOf(connection, config, { publications: [], viaRoot: true, publishesGenerated: false })
  const all = await readCatalogue(connection, { ...scope, wantsTable: () => true })
  assertNamed(options.tables, all)
  const wanted = all.filter(({ table }) => scope.wantsTable(tableName(table)))
  const existing = await readPublished(connection)
  if (config.publication !== undefined) return useNamed(connection, wish, existing)
  const covering = Object.keys(config.where).length > 0 ? [] : existing.filter((one) => covers(one, wanted, options))
  const [best] = covering.toSorted((a, b) => a.tables.size - b.tables.size || (a.name < b.name ? -1 : 1))
  if (best) return useExisting(connection, wish, best)
  if (isStandby) throw noPublication(existing, { reason: 'a standby cannot make one', remedy: 'CREATE PUBLICATION on the primary' })
  try {
    return await makeOwn(connection, wish)
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'RIGHT_PUBLICATION') throw error
    const { role, reason, grant } = error.fields
    throw noPublication(existing, { reason: `${role} may not make one: ${reason}`, remedy: String(grant) })
  }
}

/** A pattern that nothing matches is a mistake, and mostly a misspelt name. */
function assertNamed(patterns: readonly string[], all: readonly CatalogueTable[]): void {
  const names = all.map(({ table }) => tableName(table))
  for (const pattern of patterns.filter((one) => !one.startsWith('!'))) {
    if (names.some(createPatternMatcher([pattern]))) continue
    throw new MillraceError('TAIL_TABLE_MISSING', { pattern: pattern.replace(/^\*\./, ''), nearest: meant(nearestTable(pattern, names)) })
  }
  if (names.length === 0) throw new MillraceError('TAIL_TABLE_MISSING', { pattern: '*.*', nearest: '' })
}

/** By the table's own name, among those of the schema that is written, where there is one of that name. */
function nearestTable(pattern: string, names: readonly string[]): string | null {
  const [schema = '', bare = ''] = splitName(pattern)
  const here = names.filter((name) => splitName(name)[0] === schema)
  const among = here.length > 0 ? here : names
  const nearest = nearestName(
    bare,
    among.map((name) => splitName(name)[1]),
  )
  return among.find((name) => splitName(name)[1] === nearest) ?? null
}

function splitName(name: string): [schema: string, bare: string] {
  const dot = name.indexOf('.')
  return [name.slice(0, dot), name.slice(dot + 1)]
}

function meant(nearest: string | null): string {
  return nearest === null ? '' : ` (did you mean ${nearest}?)`
}

function covers(one: Published, wanted: readonly CatalogueTable[], { operations }: TailOptions): boolean {
  return (
    one.isWhole &&
    !one.isTail &&
    [...operations].every((each) => one.operations.has(each)) &&
    wanted.every((table) => coversTable(one, table))
  )
}

async function useNamed(connection: Connection, wish: TailWish, existing: readonly Published[]): Promise<Publications> {
  const { config, options } = wish
  const publication = config.publication ?? ''
  const found = existing.find(({ name }) => name === publication)
  if (!found) {
    const nearest = nearestName(
      publication,
      existing.map(({ name }) => name),
    )
    throw new MillraceError('TAIL_PUBLICATION_MISSING', { publication, nearest: meant(nearest) })
  }
  const lacks = [...options.operations].filter((each) => !found.operations.has(each))
  if (lacks.length > 0) options.notice(`The publication ${publication} sends no ${lacks.join(', no ')}.`)
  if (!found.isWhole) options.notice(`The publication ${publication} leaves out rows or columns of some tables.`)
  return useExisting(connection, wish, found)
}

/** It is used as it is, and never altered. */
async function useExisting(connection: Connection, { config, options }: TailWish, found: Published): Promise<Publications> {
  const { name, viaRoot, publishesGenerated } = found
  const scope = scopeOf(connection, config, { publications: [name], viaRoot, publishesGenerated })
  const matching = await readCatalogue(connection, scope)
  const tables = matching.filter((table) => coversTable(found, table))
  const outside = matching.filter((table) => !coversTable(found, table)).map(({ table }) => tableName(table))
  const missing = outside.filter((table) => exactPatterns(options.tables).includes(table))
  if (missing.length > 0 || tables.length === 0)
    throw new MillraceError('TAIL_PUBLICATION_TABLES', {
      publication: name,
      tables: (missing.length > 0 ? missing : outside).join(', ') || 'any table',
    })
  if (options.tables.length > 0 && outside.length > 0)
    options.notice(`Not in the publication ${name}, so not shown: ${outside.join(', ')}.`)
  return { ours: false, names: [name], scope, tables, altered: [], refused: [] }
}

async function makeOwn(connection: Connection, wish: TailWish): Promise<Publications> {
  const { options } = wish
  const made = await ensurePublications(connection, ownOptions(wish))
  const named = new Set(exactPatterns(options.tables))
  const all = await readCatalogue(connection, made.scope)
  for (const { id, error } of made.refused) {
    const label = labelOf(all, id)
    if (named.has(label) || made.tables.length === 0) throw error
    options.notice(`Not shown: ${label}. ${error.message}`)
  }
  const inserts = made.tables.filter((table) => table.publishedBy === made.names[1]).map(({ table }) => tableName(table))
  if (inserts.length > 0)
    options.notice(`Without a key only inserts and truncates can be published: of ${inserts.join(', ')} no update or delete is shown.`)
  return made
}

/** Never altered by where it is looked at from: what may not enter is left out, tables without a key send their inserts. */
export function ownOptions({ config, pipeline }: Pick<TailWish, 'config' | 'pipeline'>): PublicationOptions {
  const { publication: _, ...own } = config
  return { pipeline, config: { ...own, keyless: 'insert-only' }, keyNeededBy: null, onRefused: 'leave-out' }
}

/** Whether all of these are still there; a newer server goes on without a word where one is gone. */
export async function arePublished(connection: Connection, names: readonly string[]): Promise<boolean> {
  const rows = await queryRows(connection, 'SELECT pubname::text FROM pg_publication')
  return names.every((name) => rows.some(([found]) => found === name))
}

function labelOf(tables: readonly CatalogueTable[], id: number): string {
  const found = tables.find(({ table }) => table.id === id)
  return found ? tableName(found.table) : `table ${id}`
}

function noPublication(existing: readonly Published[], { reason, remedy }: { reason: string; remedy: string }): MillraceError {
  const names = existing.filter(({ isTail }) => !isTail).map(({ name }) => name)
  return new MillraceError('TAIL_PUBLICATION', { reason, remedy, existing: names.length > 0 ? ` (there are ${names.join(', ')})` : '' })
}
