import { createHash } from 'node:crypto'
import type { Change } from '../../contracts/change.ts'
import { tableName, UNCHANGED, type Row, type Table, type Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { PlacedMessage } from '../../messages/messages-of.ts'
import { createTemplate } from '../../messages/template.ts'

/** Chooses the partition key of a change. What it returns for one row must not change, or its changes lose their order. */
export type PartitionKeyOf = (change: PartitionedChange) => string

/** A change, or a row read, by column name: canonical values (docs/specs/values.md); what the log did not send is left out. */
export type PartitionedChange = {
  /** `control`: what a format tells by itself, such as the end of a transaction. */
  op: Change['op'] | 'read' | 'control'
  /** `schema.table`; null where it is about none. */
  table: string | null
  /** The key columns after the change; null where the table has no key, and where it is about no row. */
  key: Readonly<Record<string, Value>> | null
  before: Readonly<Record<string, Value>> | null
  after: Readonly<Record<string, Value>> | null
}

/** The longest that Kinesis takes, in characters (API reference, PutRecordsRequestEntry). */
const LONGEST = 256
/** For what is about no table, as templates name it. */
const NO_TABLE = 'millrace.messages'

/**
 * The partition key of each message, from 1 to 256 characters. A longer one is replaced by its hash: equal stays equal, so order is kept.
 * Nothing is replaced by the table, whose changes without a key of their own then stay in order among each other.
 */
export function createPartitionKey(option: string | PartitionKeyOf, sink: string): (placed: PlacedMessage) => string {
  const textOf = typeof option === 'string' ? createTemplate(option).text : ofFunction(option, sink)
  return (placed) => {
    const text = textOf(placed)
    if (text === '') return placed.table === null ? NO_TABLE : tableName(placed.table)
    return text.length <= LONGEST ? text : `sha256-${createHash('sha256').update(text).digest('base64url')}`
  }
}

function ofFunction(choose: PartitionKeyOf, sink: string): (placed: PlacedMessage) => string {
  return (placed) => {
    const table = placed.table === null ? NO_TABLE : tableName(placed.table)
    const key: unknown = callSafely(() => choose(describeChange(placed)), { sink, table })
    if (typeof key !== 'string') throw new MillraceError('SINK_PARTITION_KEY', { sink, table, reason: `it gave ${typeof key}, no text` })
    return key
  }
}

function callSafely<T>(call: () => T, { sink, table }: { sink: string; table: string }): T {
  try {
    return call()
  } catch (error) {
    // Its message may hold a value of the row.
    const reason = `it threw ${error instanceof Error ? error.name : typeof error}`
    throw new MillraceError('SINK_PARTITION_KEY', { sink, table, reason }, { cause: error })
  }
}

function describeChange({ change, row, table }: PlacedMessage): PartitionedChange {
  const named = { table: table === null ? null : tableName(table), key: null, before: null, after: null }
  if (row !== null && table !== null) return { ...named, op: 'read', key: keyOf(table, row), after: byName(table, row) }
  if (change === null) return { ...named, op: 'control' }
  if (change.op === 'message' || change.op === 'truncate') return { ...named, op: change.op }
  const { op, before, after } = change
  return {
    op,
    table: named.table,
    key: keyOf(change.table, after ?? before),
    before: before && byName(change.table, before),
    after: after && byName(change.table, after),
  }
}

function keyOf(table: Table, row: Row): Record<string, Value> | null {
  if (table.key.length === 0) return null
  return byName(
    { columns: table.key.flatMap((at) => table.columns[at] ?? []) },
    table.key.map((at) => row[at] ?? null),
  )
}

function byName({ columns }: Pick<Table, 'columns'>, row: Row): Record<string, Value> {
  const values: Record<string, Value> = {}
  for (const [at, { name }] of columns.entries()) {
    const value = row[at]
    if (value !== UNCHANGED && value !== undefined) values[name] = value
  }
  return values
}
