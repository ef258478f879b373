import type { Batch, ChangesBatch, ControlBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import { tableName, type Table } from '../contracts/table.ts'
import type { Transform } from '../contracts/transform.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { createChain, type Chain } from './transform-chain.ts'
import { transformRows } from './transform-rows.ts'
import { piecesOf } from './pieces.ts'

/** All transforms of a pipeline, between the merge and the lanes: each batch becomes one batch that ends at the same place. */
export type Transformation = {
  batch(batch: Batch): Batch
  /** What a table becomes, and how; asked of the transforms once per version. */
  chain(table: Table): Chain
  /** The chain that made this very table. */
  origin(to: Table): Chain
  /** Whether rows of the table may be left out. */
  selects(table: Table): boolean
  /** Throws where the transforms do not fit these tables, the source's own. */
  check(tables: readonly Table[]): void
  /** Whether several changes may become of one. */
  readonly splits: boolean
}

/** `keyNeededBy`: the sink that needs the key of every table, for the error; null where none does. */
export function createTransformation(transforms: readonly Transform[], { keyNeededBy }: { keyNeededBy: string | null }): Transformation {
  const chains = new WeakMap<Table, Chain>()
  const origins = new WeakMap<Table, Chain>()
  /** The newest chain of each table, by its number. */
  const newest = new Map<number, Chain>()

  const chainOf = (table: Table): Chain => {
    const known = chains.get(table)
    if (known) return known
    const latest = newest.get(table.id)
    // The same description in another object: what it became is one object, too.
    const chain = latest && isSame(latest.from, table) ? latest : made(table)
    chains.set(table, chain)
    newest.set(table.id, chain)
    return chain
  }
  const made = (table: Table): Chain => {
    const chain = createChain(transforms, table)
    refuseLostKey(chain, keyNeededBy)
    refuseTakenName(chain, newest)
    origins.set(chain.to, chain)
    return chain
  }
  const control = (batch: ControlBatch): ControlBatch => {
    const table = chainOf(batch.table).to
    if (batch.event === 'table-dropped') newest.delete(batch.table.id)
    if (batch.event !== 'schema') return { ...batch, table }
    return { ...batch, table, previous: batch.previous && chainOf(batch.previous).to }
  }
  const changes = (batch: ChangesBatch): ChangesBatch => {
    const out: Change[] = []
    for (const change of batch.changes) {
      if (change.op === 'message') out.push(change)
      else {
        const before = out.length
        chainOf(change.table).change(change, out)
        if (out.length > before + 1) piecesOf(change, out, before)
      }
    }
    // The wire bytes are of what was there before.
    const { raw: _, ...rest } = batch
    return { ...rest, changes: out }
  }
  return {
    splits: transforms.some((transform) => transform.splits === true),
    chain: chainOf,
    origin(to) {
      const chain = origins.get(to)
      if (chain === undefined) throw new RangeError(`${tableName(to)} is no table that the transforms made`)
      return chain
    },
    selects: (table) => chainOf(table).selects,
    batch(batch) {
      if (batch.kind === 'changes') return changes(batch)
      return batch.kind === 'control' ? control(batch) : transformRows(batch, chainOf(batch.table))
    },
    check(tables) {
      // What is gone takes no name: nobody may have told of it between two sessions.
      for (const id of newest.keys()) if (!tables.some((table) => table.id === id)) newest.delete(id)
      let arriving = tables
      for (const transform of transforms) {
        transform.check?.(arriving)
        arriving = arriving.map((table) => transform.table(table)?.to ?? table)
      }
      for (const table of tables) chainOf(table)
    },
  }
}

function isSame(a: Table, b: Table): boolean {
  return a.version === b.version && a.name === b.name && a.schema === b.schema && a.database === b.database && a.identity === b.identity
}

function refuseLostKey({ from, to }: Chain, sink: string | null): void {
  if (sink === null || from.key.length === 0 || to.key.length > 0) return
  const ids = new Set(to.columns.map((column) => column.id))
  const lost = from.key.map((index) => from.columns[index]).find((column) => column !== undefined && !ids.has(column.id))
  throw new MillraceError('TRANSFORM_KEY_LOST', { table: tableName(from), column: lost?.name ?? '', sink })
}

/**
 * Two tables under one name would be one table to a sink, whose rows take each other's place and go with each other's copies. Tables
 * that are called alike by the source itself are not meant: there one was made anew, or they changed names.
 */
function refuseTakenName({ from, to }: Chain, newest: ReadonlyMap<number, Chain>): void {
  for (const other of newest.values()) {
    if (other.from.id === from.id || tableName(other.to) !== tableName(to) || tableName(other.from) === tableName(from)) continue
    const [first, second] = [tableName(other.from), tableName(from)]
    throw new MillraceError('TRANSFORM_NAME_TAKEN', { name: tableName(to), first, second })
  }
}
