/** Which relations to describe, as this server knows them. All numbers come out as text: no client setting can change them. */
export type CatalogueQuery = {
  /** server_version / 10000 */
  major: number
  /** The publications whose column lists and row filters apply. */
  publications: readonly string[]
  /** One table with its partitions; null: every table outside the system schemas. */
  only: number | null
}

/** Three statements for one round trip: relations, their columns, and every type these need. */
export function catalogueSql(query: CatalogueQuery): string {
  return [relationsSql(query), columnsSql(query), typesSql(query)].join(';\n')
}

/** Names that SQL finds whatever it holds. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteName(relation: { schema: string; name: string }): string {
  return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}`
}

/** A literal that means the same whatever standard_conforming_strings is. */
export function quoteLiteral(text: string): string {
  const body = text.replaceAll("'", "''")
  return body.includes('\\') ? ` E'${body.replaceAll('\\', '\\\\')}'` : `'${body}'`
}

/**
 * The identity index is the server's own answer: a deferrable, invalid or partial index is none, whatever pg_class says.
 * A deferrable primary key is no key either: between its statements two rows may hold one key.
 */
function relationsSql(query: CatalogueQuery): string {
  const hasFilters = query.major >= 15
  const published = publishedIn(query)
  return `SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition::text, c.relreplident::text,
  (SELECT i.inhparent::text FROM pg_inherits i WHERE c.relispartition AND i.inhrelid = c.oid),
  coalesce(pg_relation_filenode(c.oid)::text, ''),
  (SELECT x.indkey::text FROM pg_index x WHERE x.indexrelid = pg_get_replica_identity_index(c.oid)),
  (SELECT x.indkey::text FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary AND x.indimmediate AND x.indisvalid),
  (SELECT i.xmin::text FROM pg_inherits i WHERE c.relispartition AND i.inhrelid = c.oid),
  (c.relispartition AND ${isNative})::text, (c.reltuples < 0 OR c.relpages = 0)::text, current_database()::text,
  p.pubname::text, ${hasFilters ? 'p.prattrs::text, pg_get_expr(p.prqual, c.oid), p.filtered::text' : 'NULL, NULL, NULL'}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (${published}) p ON true
WHERE ${chosen(query)}
ORDER BY n.nspname, c.relname`
}

/**
 * Made by CREATE TABLE … PARTITION OF where it is now. ATTACH writes the columns anew, in another transaction or by a later
 * command of the same one, and leaves the system columns as they were made.
 */
const isNative = `EXISTS (SELECT FROM pg_inherits i
    JOIN pg_attribute s ON s.attrelid = i.inhrelid AND s.attnum = -1 AND s.xmin = i.xmin
    JOIN pg_attribute a ON a.attrelid = i.inhrelid AND a.attnum > 0 AND a.xmin = s.xmin AND a.cmin = s.cmin
    WHERE i.inhrelid = c.oid)`

/** What our publications say of one relation; the columns that a row filter uses are the server's own record of it. */
function publishedIn(query: CatalogueQuery): string {
  const names = query.publications.map(quoteLiteral).join(', ') || 'NULL'
  const filters =
    query.major >= 15
      ? `, r.prattrs, r.prqual, (SELECT array_agg(DISTINCT d.refobjsubid ORDER BY d.refobjsubid) FROM pg_depend d
         WHERE r.prqual IS NOT NULL AND d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid
           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0) AS filtered`
      : ''
  return `SELECT b.pubname${filters}
  FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid
  WHERE r.prrelid = c.oid AND b.pubname IN (${names}) ORDER BY b.pubname LIMIT 1`
}

function columnsSql(query: CatalogueQuery): string {
  // From 18 on attnotnull is also set by a constraint that was never validated.
  const valid =
    query.major >= 18
      ? `AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey))`
      : ''
  return `SELECT a.attrelid::text, a.attnum::text, a.attname::text, a.atttypid::text, a.atttypmod::text, (a.attnotnull ${valid})::text,
  a.attisdropped::text, (a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL)::text, a.attgenerated::text,
  CASE WHEN a.atthasmissing THEN a.attmissingval::text END,
  CASE WHEN a.attisdropped THEN '' ELSE format_type(a.atttypid, a.atttypmod) END, a.xmin::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND ${chosen(query)}
ORDER BY a.attrelid, a.attnum`
}

function typesSql(query: CatalogueQuery): string {
  return typeClosureSql(`SELECT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attnum > 0 AND NOT a.attisdropped AND ${chosen(query)}`)
}

/** The types that `roots` yields and all that they are made of. */
export function typeClosureSql(roots: string): string {
  return `WITH RECURSIVE needed(id) AS (${roots}
  UNION SELECT part.id FROM needed JOIN pg_type t ON t.oid = needed.id CROSS JOIN LATERAL (
    SELECT t.typelem UNION ALL SELECT t.typbasetype
    UNION ALL SELECT f.atttypid FROM pg_attribute f WHERE f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped
  ) part(id) WHERE part.id <> 0)
SELECT t.oid::text, t.typname::text, s.nspname::text, t.typtype::text, t.typdelim::text, t.typtypmod::text,
  CASE WHEN t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A' THEN t.typelem::text END,
  CASE WHEN t.typbasetype <> 0 THEN t.typbasetype::text END,
  (SELECT x.extname::text FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e WHERE e.enumtypid = t.oid),
  (SELECT json_agg(json_build_array(f.attname, f.atttypid::text, f.atttypmod::text) ORDER BY f.attnum)::text
    FROM pg_attribute f WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped)
FROM pg_type t JOIN pg_namespace s ON s.oid = t.typnamespace WHERE t.oid IN (SELECT id FROM needed)`
}

/** Only what the log can carry: ordinary and partitioned tables that are neither temporary nor unlogged. */
function chosen(query: CatalogueQuery): string {
  const kind = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p'`
  if (query.only === null) return `${kind} AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`
  return `${kind} AND (c.oid = ${query.only} OR c.oid IN (SELECT relid FROM pg_partition_tree(${query.only})))`
}
