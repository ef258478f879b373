import { tableName, type Table } from '../../contracts/table.ts'
import type { Chunk } from '../../contracts/source.ts'
import { readTable, type CatalogueTable, type Leaf, type Scope } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { isGone, queryAll, type Rows } from './query.ts'
import type { KeyList } from './select-rows.ts'

/** What a chunk reads. `storage` is the leaf's file at the plan: block numbers mean nothing in another. */
export type Predicate =
  | { kind: 'blocks'; leaf: number; from: number; to: number; storage: string }
  | { kind: 'keys'; keys: KeyList }
  | { kind: 'whole' }

export type PlanOptions = { generation: string; chunkBytes: number }

/**
 * Cuts a table into block ranges, leaf by leaf. Size and file number are read under a lock that keeps rewrites out, so
 * that they belong together. What is written past the planned end comes by the stream. At least one chunk, always.
 */
export async function planChunks(connection: Connection, scope: Scope, table: Table, options: PlanOptions): Promise<readonly Chunk[]> {
  for (let attempt = 1; ; attempt++) {
    const found = await readTable(connection, scope, table.id)
    if (!found) return []
    if (found.table.key.length === 0) return [wholeChunk(found, options)]
    try {
      const sizes = await measureLeaves(connection, found.leaves)
      return found.leaves
        .flatMap((leaf) => leafRanges(leaf, sizes, options))
        .map((range, index) => blocksChunk(found, range, { index, ...options }))
    } catch (error) {
      // A partition was dropped between the two statements: the catalogue is asked again.
      if (!isGone(error) || attempt === 5) throw error
    }
  }
}

/** Ranges of about `chunkBytes`, counting what lies out of line (TOAST) with the rows that own it. */
export function cutBlocks(size: { blocks: number; bytes: number }, chunkBytes: number): readonly { from: number; to: number }[] {
  const blocks = Math.max(1, size.blocks)
  const count = Math.min(blocks, Math.max(1, Math.ceil(size.bytes / chunkBytes)))
  const edge = (index: number) => Math.round((blocks * index) / count)
  return Array.from({ length: count }, (_, index) => ({ from: edge(index), to: edge(index + 1) }))
}

type Size = { blocks: number; bytes: number; rows: number; storage: string }
type Range = { leaf: Leaf; storage: string; from: number; to: number; rows: number }

async function measureLeaves(connection: Connection, leaves: readonly Leaf[]): Promise<ReadonlyMap<number, Size>> {
  if (leaves.length === 0) return new Map()
  const lock = `LOCK TABLE ${leaves.map((leaf) => `ONLY ${leaf.name}`).join(', ')} IN ACCESS SHARE MODE`
  const ids = leaves.map((leaf) => leaf.id).join(', ')
  const results = await queryAll(
    connection,
    `BEGIN READ ONLY; ${lock};
     SELECT oid::text, pg_relation_filenode(oid)::text, (pg_relation_size(oid) / current_setting('block_size')::int8)::text,
       pg_table_size(oid)::text, reltuples::text FROM pg_class WHERE oid IN (${ids});
     COMMIT`,
  )
  return new Map((results[0] ?? []).map(sizeOf))
}

function sizeOf([id, storage, blocks, bytes, tuples]: Rows[number]): [number, Size] {
  const size = { blocks: Number(blocks), bytes: Number(bytes), storage: storage ?? '' }
  // Never analysed: a guess of 100 bytes a row, for the progress bar alone.
  const rows = Number(tuples) >= 0 && Number(tuples ?? -1) > 0 ? Number(tuples) : Math.round(size.bytes / 100)
  return [Number(id), { ...size, rows: size.blocks === 0 ? 0 : rows }]
}

function leafRanges(leaf: Leaf, sizes: ReadonlyMap<number, Size>, { chunkBytes }: PlanOptions): readonly Range[] {
  const size = sizes.get(leaf.id)
  if (!size) return []
  return cutBlocks(size, chunkBytes).map(({ from, to }) => ({
    leaf,
    storage: size.storage,
    from,
    to,
    rows: Math.round((size.rows * (to - from)) / Math.max(1, size.blocks)),
  }))
}

function blocksChunk({ table }: CatalogueTable, range: Range, at: { index: number; generation: string }): Chunk {
  const { leaf, from, to, storage } = range
  return {
    id: `${tableName(table)}/${at.generation}/${at.index}`,
    table: { schema: table.schema, name: table.name, id: table.id },
    leaf: leaf.name,
    predicate: { kind: 'blocks', leaf: leaf.id, from, to, storage } satisfies Predicate,
    rowEstimate: range.rows,
  }
}

function wholeChunk({ table }: CatalogueTable, { generation }: PlanOptions): Chunk {
  return {
    id: `${tableName(table)}/${generation}/0`,
    table: { schema: table.schema, name: table.name, id: table.id },
    leaf: tableName(table),
    predicate: { kind: 'whole' } satisfies Predicate,
    rowEstimate: 0,
  }
}
