import type { Column, Table } from '../../contracts/table.ts'
import type { Attribute, CatalogueTable } from './catalogue.ts'
import { leavesOf, type Leaves } from './leaf-memory.ts'
import { columnById, makeTable } from './make-table.ts'
import { alignColumns, type MessageColumn } from './align-columns.ts'
import { keepsStoredValues } from './type-change.ts'

/** What a relation message says. */
export type RelationMessage = {
  id: number
  schema: string
  name: string
  /** relreplident of the relation named: d, n, f or i. */
  identity: string
  columns: readonly MessageColumn[]
}

/** A table as the log described it, and what the catalogue said of it then. */
export type Known = {
  table: Table
  /** The files its rows lay in; '' where unknown. */
  storage: string
  rowFilter: string | null
  /** Numbers of the columns that were there and not sent. */
  excluded: readonly number[]
  /** By column number: the transaction that altered it last. */
  stamps: Readonly<Record<number, string>>
  /** Partitions that are in the sinks; null where unknown. */
  leaves: Leaves | null
}

/** The logical type of a column of the message; asked only where the catalogue's own column has another type. */
export type ColumnTypes = (typeOid: number, typeModifier: number) => Pick<Column, 'type' | 'sourceType' | 'baseModifier'>

export type Description = Known & {
  /** For each column of the message its index in `table.columns`; -1: not wanted. */
  places: readonly number[]
  /** Whether stored rows changed in a way that the log does not tell: they must be read again. */
  reread: boolean
}

/**
 * The table that rows after this message have. Three witnesses: the message (names and types, true at this point of the
 * log), what was known before it (older or equal), and the catalogue (newer or equal: columns may have been renamed,
 * dropped or added since). Attribute numbers come from the witness that fits; where none does, the rows are read again.
 */
export function describeRelation(input: {
  message: RelationMessage
  previous: Known | null
  catalogue: CatalogueTable | null
  types: ColumnTypes
  wantsColumn?: (column: string) => boolean
}): Description {
  const { message, previous, catalogue, types } = input
  const wants = input.wantsColumn ?? (() => true)
  const wanted = message.columns.filter((column) => wants(column.name))
  const { ids, certain } = alignColumns(wanted, previous?.table ?? null, catalogue)
  const columns = wanted.map((column, index) =>
    describeColumn(column, ids[index] ?? index + 1, { catalogue, previous: previous?.table ?? null, types }),
  )
  const key = keyOf(message, columns, { catalogue, previous: previous?.table ?? null })
  const table = makeTable({
    ...beyondMessage(key, columns, [catalogue?.table, previous?.table]),
    schema: message.schema,
    name: message.name,
    id: message.id,
    columns,
    key,
    identity: identityOf(message, catalogue),
  })
  // Files and stamps are the catalogue's. A message of an older shape lies before whatever wrote them: the next one is judged by them.
  const isOlder = previous !== null && catalogue !== null && catalogue.table.version !== table.version
  const known = {
    table,
    storage: isOlder ? previous.storage : (catalogue?.storage ?? ''),
    rowFilter: catalogue?.rowFilter ?? null,
    excluded: catalogue ? unsentColumns(table, previous, catalogue) : [],
    stamps: isOlder ? previous.stamps : catalogue ? stampsOf(catalogue) : {},
    // No message tells of partitions: who compares the catalogue does, and must still find what to compare it with.
    leaves: previous?.leaves ?? null,
  }
  let next = 0
  const places = message.columns.map((column) => (wants(column.name) ? next++ : -1))
  const reread = catalogue !== null && previous !== null && (!certain || changedStoredRows(known, previous, catalogue))
  return { ...known, places, reread, leaves: reread || !previous ? catalogue && leavesOf(catalogue) : previous.leaves }
}

/**
 * What the publication leaves out now; and what it left out at this point of the log though it sends it again now: known
 * before, there still, and not in the message.
 */
function unsentColumns(table: Table, previous: Known | null, catalogue: CatalogueTable): readonly number[] {
  const now = excludedFrom(catalogue)
  const wasKnown = (id: number) => previous !== null && (columnById(previous.table, id) !== undefined || previous.excluded.includes(id))
  const live = catalogue.attributes.filter((attribute) => !attribute.dropped).map((attribute) => attribute.id)
  return live.filter((id) => !columnById(table, id) && (now.includes(id) || wasKnown(id)))
}

export function stampsOf(table: CatalogueTable): Known['stamps'] {
  return Object.fromEntries(table.attributes.filter(({ dropped }) => !dropped).map(({ id, stamp }) => [id, stamp]))
}

/** Columns that are there and, for whatever reason, not sent or not wanted. */
export function excludedFrom(table: CatalogueTable): readonly number[] {
  return table.attributes.filter((attribute) => !attribute.included && !attribute.dropped).map((attribute) => attribute.id)
}

type Witnesses = { catalogue: CatalogueTable | null; previous: Table | null }

function describeColumn(column: MessageColumn, id: number, at: Witnesses & { types: ColumnTypes }): Column {
  const sameType = (other: Column | undefined) =>
    other?.typeOid === column.typeOid && other.typeModifier === column.typeModifier ? other : undefined
  const now = at.catalogue ? columnById(at.catalogue.table, id) : undefined
  const before = at.previous ? columnById(at.previous, id) : undefined
  const { type, sourceType, baseModifier } = sameType(now) ?? sameType(before) ?? at.types(column.typeOid, column.typeModifier)
  return {
    name: column.name,
    id,
    type,
    sourceType,
    typeOid: column.typeOid,
    typeModifier: column.typeModifier,
    ...(baseModifier === undefined ? {} : { baseModifier }),
    nullable: now?.nullable ?? before?.nullable ?? true,
    // The catalogue's value is of the catalogue's type: after a further change of type it would not fit this column.
    ...(now && sameType(now) && now.missing !== undefined ? { missing: now.missing } : {}),
  }
}

/**
 * The message flags the identity's columns, and with FULL every column. The catalogue's key holds where the flags contain
 * it; else the key was changed since, and the flags themselves were it.
 */
function keyOf(message: RelationMessage, columns: readonly Column[], { catalogue, previous }: Witnesses): readonly number[] {
  const flagged = columns.flatMap((column, index) => (isFlagged(message, column) ? [index] : []))
  const everyFlagged = flagged.length === columns.length
  for (const table of [catalogue?.table, previous]) {
    const key = table ? keyById(table, columns) : null
    if (key && (message.identity === 'n' || key.every((index) => flagged.includes(index))) && (key.length > 0 || everyFlagged)) return key
  }
  return message.identity === 'f' ? [] : flagged
}

/** What no message tells, of the first that knows it: the database, and the order of the key, where it is that key. */
function beyondMessage(
  key: readonly number[],
  columns: readonly Column[],
  witnesses: readonly (Table | undefined)[],
): Pick<Table, 'database' | 'keyOrder'> {
  const ids = key.map((index) => columns[index]?.id)
  const database = witnesses.find((table) => table?.database !== undefined)?.database
  const order = witnesses.find(
    (table) => table?.keyOrder?.length === ids.length && table.keyOrder.every((id) => ids.includes(id)),
  )?.keyOrder
  return { ...(database === undefined ? {} : { database }), ...(order === undefined ? {} : { keyOrder: order }) }
}

function isFlagged(message: RelationMessage, column: Column): boolean {
  return message.columns.some((candidate) => candidate.name === column.name && candidate.isKey)
}

/** The key of another description, in these columns; null where they lack one. */
function keyById(table: Table, columns: readonly Column[]): readonly number[] | null {
  const key = table.key.map((index) => columns.findIndex((column) => column.id === table.columns[index]?.id))
  return key.includes(-1) ? null : key.sort((a, b) => a - b)
}

/** The message tells of the relation it names; what leaves of a partitioned table log is the catalogue's to say. */
function identityOf(message: RelationMessage, catalogue: CatalogueTable | null): Table['identity'] {
  if (catalogue?.partitioned) return catalogue.table.identity
  if (message.identity === 'f') return 'full'
  return message.columns.some((column) => column.isKey) ? 'key' : 'nothing'
}

/**
 * Three things change stored rows in silence: a new column filled by a rewrite (a volatile default, an identity), a
 * change of type that computes new values, and a publication that sends other columns or rows than before. A rewrite gives the table
 * new files, so where the files are the same no row was touched, and what a new column holds is `missing`, or NULL.
 * A changed key is read again too: rows were merged, and stored, under the old one.
 */
function changedStoredRows(now: Known, before: Known, catalogue: CatalogueTable): boolean {
  const rewritten = now.storage !== before.storage
  const isUnknown = before.storage === ''
  return (
    keyIds(now.table) !== keyIds(before.table) ||
    isAlteredInNewFiles(now, before) ||
    now.rowFilter !== before.rowFilter ||
    now.table.columns.some((column) => {
      const earlier = columnById(before.table, column.id)
      if (earlier) return !keepsStoredValues(earlier, column) || (isRetyped(earlier, column) && rewritten && !isUnknown)
      if (catalogue.list || before.excluded.includes(column.id)) return true
      return column.missing === undefined && rewritten && (!isUnknown || mayBeFilled(column.id, catalogue))
    })
  )
}

/**
 * `ALTER … TYPE … USING` computes new values even where the type stays: it writes new files and the column's own row in the
 * catalogue. VACUUM FULL, CLUSTER and TRUNCATE write new files and leave the columns alone. (A column with a `missing` value
 * loses it by VACUUM FULL, which touches the column too: that table is read again for nothing, once.)
 */
export function isAlteredInNewFiles(now: Known, before: Known): boolean {
  if (before.storage === '' || now.storage === before.storage) return false
  return now.table.columns.some(({ id }) => before.stamps[id] !== undefined && before.stamps[id] !== now.stamps[id])
}

/** Of a table that nobody writes, which no message will tell of: whether its rows were written anew, with other values. */
export function isRewritten(now: Known, before: Known): boolean {
  if (before.storage === '' || now.storage === before.storage) return false
  const isFilled = (column: Column) => column.missing === undefined && !before.excluded.includes(column.id)
  return (
    isAlteredInNewFiles(now, before) ||
    now.table.columns.some((column) => {
      const earlier = columnById(before.table, column.id)
      return earlier ? isRetyped(earlier, column) : isFilled(column)
    })
  )
}

function isRetyped(a: Column, b: Column): boolean {
  return a.typeOid !== b.typeOid || a.typeModifier !== b.typeModifier
}

function mayBeFilled(id: number, catalogue: CatalogueTable): boolean {
  const attribute: Attribute | undefined = catalogue.attributes.find((candidate) => candidate.id === id)
  return attribute !== undefined && !attribute.dropped && (attribute.hasDefault || attribute.notNull)
}

function keyIds(table: Table): string {
  return table.key.map((index) => table.columns[index]?.id).join(',')
}
