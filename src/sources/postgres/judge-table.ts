import { MillraceError } from '../../errors/millrace-error.ts'
import { tableName } from '../../contracts/table.ts'
import type { CatalogueTable, Leaf } from './catalogue.ts'

/** What a verdict rests on; all of it is the server's own account. */
export type TableFacts = Pick<CatalogueTable, 'table' | 'leaves' | 'attributes' | 'list' | 'filterColumns'>

export type Wants = {
  major: number
  keyless: 'refuse' | 'insert-only'
  /** A sink that cannot take a table without a key. */
  keyNeededBy: string | null
  publishesGenerated: boolean
}

/** `changes`: may be published whole. `inserts`: inserts and truncates only. */
export type Verdict = { enters: 'changes' | 'inserts' } | { enters: null; error: MillraceError }

/**
 * Whether a table may enter a publication without making the application's own UPDATE or DELETE fail, as
 * CheckCmdReplicaIdentity (execReplication.c) would judge each of its leaves; and whether the log then names each row.
 */
export function judgeTable(facts: TableFacts, wants: Wants): Verdict {
  const name = tableName(facts.table)
  const hasKey = facts.table.key.length > 0
  for (const leaf of facts.leaves) {
    const error = hasIdentity(leaf) ? judgeLeaf(leaf, facts, wants) : null
    if (error) return { enters: null, error }
  }
  if (!hasKey && wants.keyNeededBy !== null) return refuse('TABLE_KEYLESS_SINK', { table: name, sink: wants.keyNeededBy })
  const unnamed = facts.leaves.find((leaf) => !hasIdentity(leaf))
  if (!unnamed && (hasKey || facts.table.identity === 'full')) return { enters: 'changes' }
  if (!hasKey && wants.keyless === 'insert-only') return { enters: 'inserts' }
  return refuse(unnamed?.identity === 'nothing' ? 'TABLE_IDENTITY_NOTHING' : 'TABLE_KEYLESS', { table: unnamed?.label ?? name })
}

/** Whether the log says which row was changed or deleted. */
function hasIdentity(leaf: Leaf): boolean {
  return leaf.identity === 'full' || leaf.identityColumns !== null
}

function judgeLeaf(leaf: Leaf, facts: TableFacts, wants: Wants): MillraceError | null {
  const identity = leaf.identity === 'full' ? null : (leaf.identityColumns ?? [])
  const included = facts.attributes.filter((attribute) => attribute.included).map((attribute) => attribute.name)
  const generated = generatedInIdentity(leaf, wants)
  if (generated.length > 0) return new MillraceError('TABLE_IDENTITY_GENERATED', { table: leaf.label, columns: generated.join(', ') })
  const filtered = identity ? facts.filterColumns.filter((column) => !identity.includes(column)) : []
  if (filtered.length > 0) return new MillraceError('WHERE_BREAKS_UPDATES', { table: leaf.label, columns: filtered.join(', ') })
  const leftOut = identity ? identity.filter((column) => !included.includes(column)) : facts.list ? ['columns'] : []
  if (leftOut.length > 0) return new MillraceError('COLUMNS_BREAK_UPDATES', { table: leaf.label, columns: leftOut.join(', ') })
  return null
}

/**
 * A generated column that the log does not carry cannot identify a row; from 18 on the server refuses such changes,
 * under FULL for any generated column at all (pub_contains_invalid_column).
 */
function generatedInIdentity(leaf: Leaf, { major, publishesGenerated }: Wants): readonly string[] {
  const unseen = leaf.generated.filter((column) => !column.stored || !publishesGenerated).map((column) => column.name)
  if (leaf.identity === 'full') return major >= 18 ? unseen : []
  return unseen.filter((name) => leaf.identityColumns?.includes(name))
}

function refuse(...args: ConstructorParameters<typeof MillraceError>): Verdict {
  return { enters: null, error: new MillraceError(...args) }
}
