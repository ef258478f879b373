import type { Attribute } from './catalogue.ts'
import type { Rows } from './query.ts'
import { createTypeResolver, type TypeResolver } from './type-facts.ts'

/** A row of pg_class, and what belongs to it. */
export type Relation = {
  id: number
  schema: string
  name: string
  partitioned: boolean
  isPartition: boolean
  replicaIdentity: string
  parent: number | null
  storage: string
  identityIndex: readonly number[] | null
  primaryKey: readonly number[] | null
  /** The transaction that made it a partition. */
  link: string
  /** A partition that was made as one, where it is now. */
  isNative: boolean
  /** TRUNCATE leaves both of its statistics so; an empty or never analysed relation has them too. */
  mayBeTruncated: boolean
  database: string
  publishedBy: string | null
  list: readonly number[] | null
  rowFilter: string | null
  filtered: readonly number[]
}

export type Facts = { relations: readonly Relation[]; attributes: ReadonlyMap<number, Omit<Attribute, 'included'>[]>; types: TypeResolver }

/** The results of catalogueSql. */
export function parseFacts([relations = [], columns = [], types = []]: readonly Rows[]): Facts {
  return {
    relations: relations.map(parseRelation),
    attributes: groupBy(columns.map(parseAttribute), (attribute) => attribute.relation),
    types: createTypeResolver(types),
  }
}

function parseRelation(row: Rows[number]): Relation {
  const [
    id,
    schema,
    name,
    kind,
    isPartition,
    replicaIdentity,
    parent,
    storage,
    identityIndex,
    primaryKey,
    link,
    isNative,
    mayBeTruncated,
    database,
    publishedBy,
    list,
    filter,
    filtered,
  ] = row
  return {
    id: Number(id),
    schema: schema ?? '',
    name: name ?? '',
    partitioned: kind === 'p',
    isPartition: isPartition === 'true',
    replicaIdentity: replicaIdentity ?? 'n',
    parent: parent ? Number(parent) : null,
    storage: storage ?? '',
    identityIndex: parseNumbers(identityIndex),
    primaryKey: parseNumbers(primaryKey),
    link: link ?? '',
    isNative: isNative === 'true',
    mayBeTruncated: mayBeTruncated === 'true',
    database: database ?? '',
    publishedBy: publishedBy ?? null,
    list: parseNumbers(list),
    rowFilter: filter ?? null,
    filtered: parseNumbers(filtered) ?? [],
  }
}

function parseAttribute(row: Rows[number]): Omit<Attribute, 'included'> & { relation: number } {
  const [relation, id, name, typeOid, typeModifier, notNull, dropped, hasDefault, generated, missing, sourceType, stamp] = row
  return {
    relation: Number(relation),
    id: Number(id),
    name: name ?? '',
    typeOid: Number(typeOid),
    typeModifier: Number(typeModifier),
    notNull: notNull === 'true',
    dropped: dropped === 'true',
    hasDefault: hasDefault === 'true',
    generated: generated === 's' || generated === 'v' ? generated : '',
    missing: missing ?? null,
    sourceType: sourceType ?? '',
    stamp: stamp ?? '',
  }
}

/** An int2vector prints `1 2`, an array `{1,2}`. */
function parseNumbers(text: string | null | undefined): readonly number[] | null {
  return text ? (text.match(/\d+/g) ?? []).map(Number) : null
}

export function groupBy<Key, Item>(items: readonly Item[], key: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
