import pg from 'pg'

/** Sees each text before it is sent; what it returns is sent instead. `ask` runs a statement on the same connection first. */
export type Rewrite = (text: string, ask: (sql: string) => Promise<string>) => string | Promise<string>

/**
 * Changes the SQL that the product sends, from outside: so a step of reading a chunk can be taken away, or something be done in the middle of
 * it, without a hook in the product. Returns what undoes it.
 */
export function rewriteSql(rewrite: Rewrite): () => void {
  const original = pg.Client.prototype.query as (this: pg.Client, config: unknown, ...rest: unknown[]) => unknown
  const changed = function (this: pg.Client, config: unknown, ...rest: unknown[]): unknown {
    const query = config as { text?: unknown; rowMode?: unknown; submit?: unknown }
    // The product's statements are objects with rows as arrays; the tests' own are texts, COPY has a `submit`.
    if (typeof query?.text !== 'string' || query.rowMode !== 'array' || query.submit || rest.length > 0) {
      return original.call(this, config, ...rest)
    }
    const text = query.text
    const ask = async (sql: string) => {
      const result = (await original.call(this, { text: sql, rowMode: 'array' })) as pg.QueryArrayResult
      return String(result.rows[0]?.[0])
    }
    return Promise.resolve(rewrite(text, ask)).then((sent) => original.call(this, { ...query, text: sent }))
  }
  pg.Client.prototype.query = changed as typeof pg.Client.prototype.query
  return () => {
    pg.Client.prototype.query = original as typeof pg.Client.prototype.query
  }
}

/** The first round trip of reading a chunk. */
export const OPENS_CHUNK = /^BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE[^;]*;/

/** Steps of reading a chunk, taken away or done wrong. */
export const SQL_MUTATIONS = {
  'no lock': (text) => text.replace(OPENS_CHUNK, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;'),
  'no file number': (text) =>
    text.replaceAll(/coalesce\(pg_relation_filenode\(c\.oid\)::text, ''\)|pg_relation_filenode\(oid\)::text/g, "'0'::text"),
  'xmax only': (text) =>
    OPENS_CHUNK.test(text)
      ? text.replace(
          'pg_current_snapshot()::text',
          "pg_snapshot_xmax(pg_current_snapshot()) || ':' || pg_snapshot_xmax(pg_current_snapshot()) || ':'",
        )
      : text,
  'high by flush position': (text) => text.replace('pg_current_wal_insert_lsn()::text; COMMIT', 'pg_current_wal_flush_lsn()::text; COMMIT'),
} satisfies Record<string, Rewrite>

/** `high` as it was before the chunk's snapshot. */
export function createHighBefore(): Rewrite {
  let high = ''
  return async (text, ask) => {
    if (OPENS_CHUNK.test(text)) high = await ask('SELECT pg_current_wal_insert_lsn()::text')
    return text.replace('SELECT pg_current_wal_insert_lsn()::text; COMMIT', `SELECT '${high}'; COMMIT`)
  }
}
