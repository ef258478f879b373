import { createTextDecoder } from '../../codecs/pg-types/create-text-decoder.ts'
import { typeOf } from '../../codecs/pg-types/type-of.ts'
import type { Column, Table, Value } from '../../contracts/table.ts'
import { catalogueSql, quoteName, type CatalogueQuery } from './catalogue-sql.ts'
import { groupBy, parseFacts, type Facts, type Relation } from './catalogue-rows.ts'
import { firstElement } from './first-element.ts'
import { makeTable } from './make-table.ts'
import { isGone, queryAll, type Rows } from './query.ts'
import type { Connection } from './connection.ts'
import { isSystemSchema } from './system-schema.ts'
import { baseModifierOf, type TypeResolver } from './type-facts.ts'

/** What of the server's tables concerns this pipeline. */
export type Scope = {
  major: number
  /** The publications whose column lists and row filters the log applies. */
  publications: readonly string[]
  /** Whether partitioned tables come as their root (else as their leaves). */
  viaRoot: boolean
  /** Whether the publication carries stored generated columns (from 18 on, by option). */
  publishesGenerated: boolean
  wantsTable(name: string): boolean
  wantsColumn(table: string, column: string): boolean
}

/** A table as the server has it now, with what only this folder needs to know of it. */
export type CatalogueTable = {
  table: Table
  /** Columns that COPY selects as text; aligned with `table.columns`. */
  asText: readonly boolean[]
  /** Every attribute ever made, dropped ones too, in the order of their numbers. */
  attributes: readonly Attribute[]
  partitioned: boolean
  /** Where its rows lie: itself, or its partitions. */
  leaves: readonly Leaf[]
  /** The files of all leaves: another text means that something was written anew. */
  storage: string
  /** The publication that names it, if any does. */
  publishedBy: string | null
  /** That publication's column list, in attribute numbers. */
  list: readonly number[] | null
  rowFilter: string | null
  /** Names of the columns that the row filter uses. */
  filterColumns: readonly string[]
}

export type Attribute = {
  id: number
  name: string
  typeOid: number
  typeModifier: number
  sourceType: string
  notNull: boolean
  dropped: boolean
  hasDefault: boolean
  generated: '' | 's' | 'v'
  missing: string | null
  /** The transaction that altered it last. */
  stamp: string
  /** Whether the log and the pipeline hold it. */
  included: boolean
}

export type Leaf = {
  id: number
  /** Quoted, for SQL. */
  name: string
  /** As people write it. */
  label: string
  storage: string
  /** The transactions that put it, and what it is part of, where they are. */
  link: string
  /** Whether it was made as a partition of this table: then it has no row that is older than its place. */
  isNative: boolean
  /** If its file is new: whether that may be TRUNCATE's. */
  mayBeTruncated: boolean
  identity: 'default' | 'nothing' | 'full' | 'index'
  /** Names of the columns that the log has of an old row; null where it has none. */
  identityColumns: readonly string[] | null
  generated: readonly { name: string; stored: boolean }[]
}

/** Every table that the patterns choose. One round trip, whatever their number. */
export async function readCatalogue(connection: Connection, scope: Scope): Promise<readonly CatalogueTable[]> {
  return parseCatalogue(await askCatalogue(connection, { ...scope, only: null }), scope)
}

/** One table by its number, whatever the patterns say; null where it is gone. */
export async function readTable(connection: Connection, scope: Scope, id: number): Promise<CatalogueTable | null> {
  return parseTable(await askCatalogue(connection, { ...scope, only: id }), scope, id)
}

/** A table that is dropped while it is looked at, any in the database, fails the whole look: the next one does not see it. */
const LOOKS = 10

async function askCatalogue(connection: Connection, query: CatalogueQuery): Promise<readonly Rows[]> {
  for (let look = 1; ; look++) {
    // In a transaction that failed nothing can be asked again: there it is the caller's to begin anew.
    const mayRepeat = connection.getTransactionStatus() === 'I'
    try {
      return await queryAll(connection, catalogueSql(query))
    } catch (error) {
      if (!isGone(error) || !mayRepeat || look === LOOKS) throw error
    }
  }
}

/** From the results of catalogueSql. */
export function parseCatalogue(results: readonly Rows[], scope: Scope): readonly CatalogueTable[] {
  const facts = parseFacts(results)
  return chooseTables(facts.relations, scope).map((chosen) => describe(chosen, facts, scope))
}

export function parseTable(results: readonly Rows[], scope: Scope, id: number): CatalogueTable | null {
  const facts = parseFacts(results)
  const root = facts.relations.find((relation) => relation.id === id)
  return root ? describe({ root, leaves: leavesOf(root, facts.relations) }, facts, scope) : null
}

type Chosen = { root: Relation; leaves: readonly Relation[] }

/**
 * Through the root, a partitioned table is one table and its partitions are not chosen beside it; a partition whose
 * root is not wanted stands for itself.
 */
function chooseTables(relations: readonly Relation[], scope: Scope): readonly Chosen[] {
  const byId = new Map(relations.map((relation) => [relation.id, relation]))
  const wanted = (relation: Relation) => !isSystemSchema(relation.schema) && scope.wantsTable(`${relation.schema}.${relation.name}`)
  const ancestorWanted = (relation: Relation): boolean => {
    const parent = relation.parent === null ? undefined : byId.get(relation.parent)
    return parent !== undefined && (wanted(parent) || ancestorWanted(parent))
  }
  if (!scope.viaRoot)
    return relations
      .filter((relation) => !relation.partitioned && (wanted(relation) || ancestorWanted(relation)))
      .map((root) => ({ root, leaves: [root] }))
  const children = groupBy(relations, (relation) => relation.parent)
  return relations
    .filter((relation) => wanted(relation) && !ancestorWanted(relation))
    .map((root) => ({ root, leaves: leavesBelow(root, children) }))
}

function leavesOf(root: Relation, relations: readonly Relation[]): readonly Relation[] {
  return leavesBelow(
    root,
    groupBy(relations, (relation) => relation.parent),
  )
}

function leavesBelow(relation: Relation, children: ReadonlyMap<number | null, Relation[]>): readonly Relation[] {
  if (!relation.partitioned) return [relation]
  return (children.get(relation.id) ?? []).flatMap((child) => {
    if (!child.partitioned) return [child]
    const under = (leaf: Relation) => ({ ...leaf, link: `${child.link} ${leaf.link}`, isNative: child.isNative && leaf.isNative })
    return leavesBelow(child, children).map(under)
  })
}

function describe({ root, leaves }: Chosen, facts: Facts, scope: Scope): CatalogueTable {
  const label = `${root.schema}.${root.name}`
  const attributes = (facts.attributes.get(root.id) ?? []).map((attribute) => ({
    ...attribute,
    included: isInLog(attribute, root.list, scope) && scope.wantsColumn(label, attribute.name),
  }))
  const included = attributes.filter((attribute) => attribute.included)
  const choices = included.map((attribute) => choiceOf(attribute, facts.types, scope.major))
  const described = leaves.map((leaf) => describeLeaf(leaf, facts))
  const columns = included.map((attribute, index): Column => {
    const { type } = choices[index]! // made from the same list
    const missing = root.partitioned ? missingOfLeaves(attribute.name, leaves, facts) : attribute.missing
    return {
      name: attribute.name,
      id: attribute.id,
      type,
      sourceType: attribute.sourceType,
      typeOid: attribute.typeOid,
      typeModifier: attribute.typeModifier,
      ...baseModifierOf(facts.types(attribute.typeOid, attribute.typeModifier)),
      nullable: !attribute.notNull,
      ...(missing === null ? {} : { missing: decodeMissing(missing, type) }),
    }
  })
  const nameOf = (id: number) => attributes.find((attribute) => attribute.id === id)?.name ?? ''
  return {
    table: makeTable({
      database: root.database,
      schema: root.schema,
      name: root.name,
      id: root.id,
      columns,
      ...keyOf(root, described, columns),
      identity: identityOf(described),
    }),
    asText: choices.map((choice) => choice.selectAsText),
    attributes,
    partitioned: root.partitioned,
    leaves: described,
    storage: described.map((leaf) => leaf.storage).join(','),
    publishedBy: root.publishedBy,
    list: root.list,
    rowFilter: root.rowFilter,
    filterColumns: root.filtered.map(nameOf),
  }
}

/** What the log carries of a table: generated columns only where 18 or later is told to, and never virtual ones. */
function isInLog(attribute: Omit<Attribute, 'included'>, list: readonly number[] | null, scope: Scope): boolean {
  if (attribute.dropped || attribute.generated === 'v') return false
  if (list) return list.includes(attribute.id)
  return attribute.generated === '' || scope.publishesGenerated
}

function choiceOf(attribute: Omit<Attribute, 'included'>, types: TypeResolver, major: number): ReturnType<typeof typeOf> {
  const facts = types(attribute.typeOid, attribute.typeModifier)
  if (facts) return typeOf(facts, major)
  return { type: { kind: 'unknown', name: attribute.sourceType }, selectAsText: true }
}

/**
 * The key must be in the log for every row that was changed or deleted: so the primary key only where each leaf's
 * identity holds it, else the identity index. A row is found by nothing else.
 */
function keyOf(root: Relation, leaves: readonly Leaf[], columns: readonly Column[]): Pick<Table, 'key' | 'keyOrder'> {
  for (const ids of [root.primaryKey, root.identityIndex]) {
    if (!ids) continue
    const indexes = ids.map((id) => columns.findIndex((column) => column.id === id)).sort((a, b) => a - b)
    const names = indexes.map((index) => columns[index]?.name)
    const isLogged = (leaf: Leaf) =>
      leaf.identity === 'full' || names.every((name) => name !== undefined && (leaf.identityColumns ?? []).includes(name))
    const cannotBeLogged = leaves.every((leaf) => leaf.identityColumns === null && leaf.identity !== 'full')
    if (!indexes.includes(-1) && (leaves.every(isLogged) || cannotBeLogged))
      return { key: indexes, ...(indexes.every((index, at) => columns[index]?.id === ids[at]) ? {} : { keyOrder: ids }) }
  }
  return { key: [] }
}

/** The least that any leaf logs: a value that one leaf leaves out would be read as NULL. */
function identityOf(leaves: readonly Leaf[]): Table['identity'] {
  if (leaves.length > 0 && leaves.every((leaf) => leaf.identity === 'full')) return 'full'
  return leaves.some((leaf) => leaf.identity !== 'full' && leaf.identityColumns === null) ? 'nothing' : 'key'
}

const IDENTITIES: Record<string, Leaf['identity']> = { d: 'default', n: 'nothing', f: 'full', i: 'index' }

function describeLeaf(leaf: Relation, facts: Facts): Leaf {
  const attributes = facts.attributes.get(leaf.id) ?? []
  return {
    id: leaf.id,
    name: quoteName(leaf),
    label: `${leaf.schema}.${leaf.name}`,
    storage: leaf.storage,
    link: leaf.link,
    isNative: leaf.isNative,
    mayBeTruncated: leaf.mayBeTruncated,
    identity: IDENTITIES[leaf.replicaIdentity] ?? 'nothing',
    identityColumns: leaf.identityIndex?.map((id) => attributes.find((attribute) => attribute.id === id)?.name ?? '') ?? null,
    generated: attributes
      .filter((attribute) => attribute.generated !== '' && !attribute.dropped)
      .map((attribute) => ({ name: attribute.name, stored: attribute.generated === 's' })),
  }
}

/** A partitioned table stores nothing: what older rows hold of a new column is with its leaves. */
function missingOfLeaves(name: string, leaves: readonly Relation[], facts: Facts): string | null {
  for (const leaf of leaves) {
    const found = facts.attributes.get(leaf.id)?.find((attribute) => attribute.name === name && !attribute.dropped)
    if (found?.missing != null) return found.missing
  }
  return null
}

function decodeMissing(literal: string, type: Column['type']): Value {
  const bytes = Buffer.from(firstElement(literal))
  return createTextDecoder(type)(bytes, 0, bytes.length)
}
