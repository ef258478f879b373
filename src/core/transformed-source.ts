import type { Source } from '../contracts/source.ts'
import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import type { Chain } from './transform-chain.ts'
import type { Transformation } from './transformation.ts'

type Scanned = Pick<Source, 'scan' | 'tables' | 'head'> & AsyncDisposable

/** A source whose tables and rows are what the transforms make of them: what a sink must hold. For `verify`. */
export function transformedSource(source: Scanned, transforms: Transformation): Scanned {
  return {
    tables: async () => (await source.tables()).map((table) => transforms.chain(table).to),
    scan: (table, keys, signal) => scanThrough(source, transforms.origin(table), { keys, signal }),
    head: () => source.head(),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

async function* scanThrough(
  source: Scanned,
  chain: Chain,
  { keys, signal }: { keys: readonly Row[] | null; signal: AbortSignal },
): AsyncGenerator<readonly Row[]> {
  const asked = keys && keysBefore(chain, keys)
  const isWanted = keys !== null && asked === null ? createWanted(chain.to, keys) : null
  for await (const rows of source.scan(chain.from, asked, signal)) {
    const made = rowsThrough(chain, rows)
    yield isWanted ? made.filter(isWanted) : made
  }
}

/** Rows as the sinks get them. */
export function rowsThrough({ rows: through }: Chain, rows: readonly Row[]): readonly Row[] {
  return through === null ? rows : through(rows, { position: '', chunk: 'verify' })
}

/** The keys that the source knows these rows by; null where they cannot be told, because a key column is masked or made by a script. */
export function keysBefore({ from, to, moves }: Chain, keys: readonly Row[]): Row[] | null {
  const sources = to.key.map((index) => moves[index] ?? null)
  if (from.key.length === 0 || !from.key.every((index) => sources.includes(index))) return null
  return keys.map((key) => {
    const row: Row = from.columns.map(() => null)
    for (const [at, index] of to.key.entries()) {
      const source = sources[at] ?? null
      if (source !== null) row[source] = key[index] ?? null
    }
    return row
  })
}

function createWanted(table: Table, keys: readonly Row[]): (row: Row) => boolean {
  const keyOf = createKeyOf(table)
  const wanted = new Set(keys.map(keyOf))
  return (row) => wanted.has(keyOf(row))
}
