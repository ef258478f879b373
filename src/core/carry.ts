import { deserialize, serialize } from 'node:v8'
import type { TransactionId } from '../contracts/position.ts'
import type { Visibility } from '../contracts/source.ts'
import type { Value } from '../contracts/table.ts'

/**
 * What the core must not forget over a restart, as one text stored beside each sink's position:
 *
 * - `xids`: transactions delivered up to that position and not yet seen visible. A chunk read after a restart could show the rows
 *   from before them, and nothing would remember that newer ones were delivered: so no chunk starts before all of them are visible.
 * - `incomplete`: keys whose row the sink holds with holes (unchanged values that never came). Nobody would ask for them again.
 *
 * Both may hold too much (waiting a little longer, reading a row again), never too little.
 */
export type Carry = { xids: readonly XidRange[]; incomplete: readonly CarriedKeys[] }

/** Inclusive. Ids are the log's 32 bits: ordered by signed difference, so that a range may span the wrap. */
export type XidRange = { first: TransactionId; last: TransactionId }

/** `keys` null: too many to carry; the table is read again as a whole. `everyone`: not only those who copy the table lack the values. */
export type CarriedKeys = { tableId: number; version: string; keys: readonly CarriedKey[] | null }
export type CarriedKey = { values: readonly Value[]; everyone: boolean }

export const EMPTY_CARRY: Carry = { xids: [], incomplete: [] }

/** Past so many ranges the two nearest are joined over their gap. */
const MAX_RANGES = 128

/** Ranges, then a word of base64 for each table with incomplete keys. */
export function formatCarry({ xids, incomplete }: Carry): string {
  return [formatRanges(xids), ...incomplete.map(keysText)].join(' ')
}

export function parseCarry(text: string): Carry {
  const [ranges = '', ...words] = text.split(' ')
  // Written by keysText, of the type that it takes.
  const incomplete = words.map((word) => deserialize(Buffer.from(word, 'base64')) as CarriedKeys)
  return { xids: parseRanges(ranges), incomplete }
}

/** Keys change seldom, the text is wanted with every batch. */
const texts = new WeakMap<CarriedKeys, string>()

function keysText(keys: CarriedKeys): string {
  const text = texts.get(keys) ?? serialize(keys).toString('base64')
  texts.set(keys, text)
  return text
}

/** What several sinks carry, as one: everything that any of them carries. */
export function joinCarries(carries: readonly Carry[]): Carry {
  const xids: XidRange[] = []
  for (const range of carries.flatMap((carry) => carry.xids)) addRange(xids, range)
  const tables = new Map<number, CarriedKeys>()
  for (const keys of carries.flatMap((carry) => carry.incomplete)) tables.set(keys.tableId, joinKeys(tables.get(keys.tableId), keys))
  return { xids, incomplete: [...tables.values()] }
}

/** The keys of both; keys of two shapes of the table cannot be named together: then it is read again as a whole. */
function joinKeys(one: CarriedKeys | undefined, other: CarriedKeys): CarriedKeys {
  if (!one) return other
  const isLost = one.keys === null || other.keys === null || one.version !== other.version
  // A key of both is read for everyone where one of them says so: restoring keeps the last.
  const keys = isLost ? null : [...(one.keys ?? []), ...(other.keys ?? [])].sort((a, b) => Number(a.everyone) - Number(b.everyone))
  return { ...other, keys }
}

/** Adds one id to sorted, disjoint ranges. Ids come nearly in order: it looks from the end. */
export function addXid(ranges: XidRange[], xid: TransactionId): void {
  const newest = ranges.at(-1)
  if (newest && distance(xid, newest.last) === 1) newest.last = xid
  else addRange(ranges, { first: xid, last: xid })
}

/** The ranges without the ids that are visible. */
export function withoutVisible(ranges: readonly XidRange[], visibility: Visibility): XidRange[] {
  const left: XidRange[] = []
  for (const xid of eachXid(ranges)) if (!visibility.sees(xid)) addXid(left, xid)
  return left
}

export function* eachXid(ranges: readonly XidRange[]): Generator<TransactionId> {
  for (const { first, last } of ranges) {
    for (let xid = first; xid !== last; xid = (xid + 1) >>> 0) yield xid
    yield last
  }
}

function addRange(ranges: XidRange[], added: XidRange): void {
  let at = ranges.length
  while (at > 0 && distance(added.first, ranges[at - 1]!.first) < 0) at--
  ranges.splice(at, 0, { ...added })
  joinAround(ranges, at)
  if (ranges.length > MAX_RANGES) joinNearest(ranges)
}

/** Joins what touches or overlaps, from the range before `at` on. */
function joinAround(ranges: XidRange[], at: number): void {
  let left = Math.max(0, at - 1)
  // Both indexes are inside: `left + 1 < length`.
  while (left + 1 < ranges.length && left <= at) {
    const [here, next] = [ranges[left]!, ranges[left + 1]!]
    if (distance(next.first, here.last) > 1) left++
    else {
      if (distance(next.last, here.last) > 0) here.last = next.last
      ranges.splice(left + 1, 1)
    }
  }
}

function joinNearest(ranges: XidRange[]): void {
  let nearest = 0
  for (let at = 1; at + 1 < ranges.length; at++) if (gap(ranges, at) < gap(ranges, nearest)) nearest = at
  ranges[nearest]!.last = ranges[nearest + 1]!.last
  ranges.splice(nearest + 1, 1)
}

function gap(ranges: readonly XidRange[], at: number): number {
  return distance(ranges[at + 1]!.first, ranges[at]!.last)
}

/** `a - b` around the circle of 32 bits. */
function distance(a: TransactionId, b: TransactionId): number {
  return (a - b) | 0
}

function formatRanges(ranges: readonly XidRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

function parseRanges(text: string): XidRange[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [first = '', last = first] = part.split('-')
    return { first: Number(first), last: Number(last) }
  })
}
