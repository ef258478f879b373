import type { Table } from '../../contracts/table.ts'
import type { CatalogueTable } from './catalogue.ts'

export type MessageColumn = { name: string; typeOid: number; typeModifier: number; isKey: boolean }

type Numbered = { id: number; name: string; typeOid: number; typeModifier: number }

/** Above any attribute number (1600): for columns that no witness knows, so that they are mistaken for no other. */
const UNKNOWN_ID = 10_000

/**
 * The attribute number of each column of a relation message. A message lists columns in the order of their numbers, so
 * numbers must rise. `certain` is false where two readings are possible or none is.
 */
export function alignColumns(
  columns: readonly MessageColumn[],
  previous: Table | null,
  catalogue: Pick<CatalogueTable, 'attributes'> | null,
): { ids: readonly number[]; certain: boolean } {
  const live = catalogue?.attributes.filter((attribute) => attribute.included) ?? []
  const byCatalogue = catalogue && isSame(columns, live) ? live.map(({ id }) => id) : null
  const byPrevious = previous && isSame(columns, previous.columns) ? previous.columns.map(({ id }) => id) : null
  // The same words can name other columns (dropped and added again): only the numbers tell, and the newer may be too new.
  if (byCatalogue) return { ids: byCatalogue, certain: !byPrevious || byPrevious.every((id, index) => id === byCatalogue[index]) }
  if (byPrevious) return { ids: byPrevious, certain: true }
  return alignEach(columns, previous?.columns ?? [], catalogue?.attributes ?? [])
}

/**
 * Neither fits as a whole: the message lies between the two. Each column takes its number by name, from the catalogue
 * where it is there and from before where it is not; a name unknown to both takes the only number free at its place.
 */
function alignEach(
  columns: readonly MessageColumn[],
  before: readonly Numbered[],
  attributes: CatalogueTable['attributes'],
): { ids: readonly number[]; certain: boolean } {
  const live = attributes.filter((attribute) => !attribute.dropped)
  const ids = columns.map((column) => numberByName(column, before, live))
  const contradicts = ids.some((id, index) => id !== null && clashes(column(columns, index), id, before, live))
  if (contradicts || !rises(ids.filter((id) => id !== null))) return { ids: columns.map((_, index) => UNKNOWN_ID + index), certain: false }
  let certain = true
  const filled = ids.map((id, index) => {
    if (id !== null) return id
    const free = freeNumbers(ids, index, { before, attributes })
    if (free.length === 1 && free[0] !== undefined) return free[0]
    certain = false
    return UNKNOWN_ID + index
  })
  return { ids: filled, certain: certain && rises(filled) }
}

function column(columns: readonly MessageColumn[], index: number): MessageColumn {
  return columns[index]! // the caller's index is of this list
}

function numberByName(wanted: MessageColumn, before: readonly Numbered[], live: readonly Numbered[]): number | null {
  const now = live.find((candidate) => candidate.name === wanted.name)
  return (now ?? before.find((candidate) => candidate.name === wanted.name))?.id ?? null
}

/** Both witnesses know the name, but as different columns: the message may mean either. */
function clashes(wanted: MessageColumn, id: number, before: readonly Numbered[], live: readonly Numbered[]): boolean {
  const earlier = before.find((candidate) => candidate.name === wanted.name)
  const now = live.find((candidate) => candidate.name === wanted.name)
  return earlier !== undefined && now !== undefined && earlier.id !== id && isSameColumn(earlier, wanted)
}

/** Numbers between the neighbours that no other column of the message has, and that can have had this name meanwhile. */
function freeNumbers(
  ids: readonly (number | null)[],
  index: number,
  { before, attributes }: { before: readonly Numbered[]; attributes: CatalogueTable['attributes'] },
): readonly number[] {
  const low = Math.max(0, ...ids.slice(0, index).filter((id) => id !== null))
  const high = Math.min(Number.POSITIVE_INFINITY, ...ids.slice(index + 1).filter((id) => id !== null))
  const known = new Set([...before.map(({ id }) => id), ...attributes.map(({ id }) => id)])
  return [...known].filter((id) => id > low && id < high && !ids.includes(id))
}

function rises(ids: readonly number[]): boolean {
  return ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? 0))
}

function isSame(columns: readonly MessageColumn[], others: readonly Numbered[]): boolean {
  return columns.length === others.length && columns.every((one, index) => isSameColumn(others[index], one))
}

function isSameColumn(other: Numbered | undefined, one: MessageColumn): boolean {
  return other?.name === one.name && other.typeOid === one.typeOid && other.typeModifier === one.typeModifier
}
