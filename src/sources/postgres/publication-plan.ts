import { tableName } from '../../contracts/table.ts'
import { quoteIdentifier, quoteName } from './catalogue-sql.ts'
import type { CatalogueTable } from './catalogue.ts'

/** One table as a publication should name it. `columns` null: all of them. */
export type Entry = {
  id: number
  publication: string
  /** Quoted, for SQL. */
  name: string
  label: string
  columns: readonly string[] | null
  where: string | null
}

/** A statement, with the table it is about, for errors. */
export type Step = { sql: string; label: string; where: string | null }

/** A table that a publication names now. */
export type Member = { id: number; publication: string; name: string }

/** How a table should be published; a list only where the patterns leave something out. */
export function entryOf(
  table: CatalogueTable,
  wants: { publication: string; hasLists: boolean; wantsColumn(column: string): boolean; where: string | null },
): Entry {
  const live = table.attributes.filter((attribute) => !attribute.dropped && attribute.generated === '')
  const columns = live.filter((attribute) => wants.wantsColumn(attribute.name)).map((attribute) => attribute.name)
  return {
    id: table.table.id,
    publication: wants.publication,
    name: quoteName(table.table),
    label: tableName(table.table),
    columns: wants.hasLists && columns.length < live.length ? columns : null,
    where: wants.where,
  }
}

/**
 * What brings a publication in step. A table whose list or filter changes is taken out and put in again: in one
 * transaction, so that the log never sees it missing. Only the server can tell whether a filter's words mean what is there:
 * unless `trustFilters`, filters are put anew, and whoever runs this compares afterwards.
 */
export function planPublication(
  entries: readonly Entry[],
  now: { tables: readonly CatalogueTable[]; members: readonly Member[]; trustFilters: boolean },
): readonly Step[] {
  const { members } = now
  const byId = new Map(now.tables.map((table) => [table.table.id, table]))
  const wanted = new Map(entries.map((entry) => [entry.id, entry]))
  const kept = new Set(
    members.filter((member) => {
      const entry = wanted.get(member.id)
      const table = byId.get(member.id)
      return (
        entry !== undefined && table !== undefined && entry.publication === member.publication && isInStep(entry, table, now.trustFilters)
      )
    }),
  )
  const keptIds = new Set([...kept].map((member) => member.id))
  const leaving = members.filter((member) => !kept.has(member))
  const entering = entries.filter((entry) => !keptIds.has(entry.id))
  return [
    ...batches(leaving).map(dropStep),
    ...batches(entering.filter((entry) => entry.where === null)).map(addStep),
    ...entering.filter((entry) => entry.where !== null).map((entry) => addStep([entry])),
  ]
}

function isInStep(entry: Entry, table: CatalogueTable, trustFilters: boolean): boolean {
  const listed = table.list?.map((id) => table.attributes.find((attribute) => attribute.id === id)?.name) ?? null
  const sameList = listed === null || entry.columns === null ? listed === entry.columns : sameSet(listed, entry.columns)
  const sameFilter = trustFilters ? (entry.where === null) === (table.rowFilter === null) : entry.where === null && table.rowFilter === null
  return sameList && sameFilter
}

function sameSet(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}

/** Tables of one publication, some hundreds a statement. */
function batches<Item extends { publication: string }>(items: readonly Item[]): readonly (readonly Item[])[] {
  const groups = new Map<string, Item[][]>()
  for (const item of items) {
    const lists = groups.get(item.publication) ?? []
    const last = lists.at(-1)
    if (last && last.length < 500) last.push(item)
    else lists.push([item])
    groups.set(item.publication, lists)
  }
  return [...groups.values()].flat()
}

/** ONLY: children by inheritance are tables of their own. */
function addStep(entries: readonly Entry[]): Step {
  const tables = entries.map((entry) => `ONLY ${entry.name}${listSql(entry)}${entry.where === null ? '' : ` WHERE (${entry.where}\n)`}`)
  const first = entries[0]! // batches are never empty
  return {
    sql: `ALTER PUBLICATION ${quoteIdentifier(first.publication)} ADD TABLE ${tables.join(', ')}`,
    label: first.label,
    where: first.where,
  }
}

function dropStep(members: readonly Member[]): Step {
  const first = members[0]! // batches are never empty
  const tables = members.map((member) => `ONLY ${member.name}`)
  return { sql: `ALTER PUBLICATION ${quoteIdentifier(first.publication)} DROP TABLE ${tables.join(', ')}`, label: first.name, where: null }
}

/** The column list after a table's name, where it has one. */
export function listSql({ columns }: Entry): string {
  return columns === null ? '' : ` (${columns.map(quoteIdentifier).join(', ')})`
}
