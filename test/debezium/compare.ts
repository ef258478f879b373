/** Records of Debezium and messages of ours side by side, after parsing: what differs, each at its path. */
import { isDeepStrictEqual } from 'node:util'
import type { Message } from '../../src/contracts/format.ts'
import type { DebeziumRecord } from '../servers/debezium.ts'

/** A record parsed: with schemas, key and value are `{schema, payload}`. Whole numbers that a double cannot hold are bigints. */
export type Parsed = { topic: string; key: unknown; value: unknown; headers: Record<string, string> }

/** One thing that is not the same. `path` starts with `key`, `value` or `headers`; it is empty where one of the two has no such record. */
export type Difference = { topic: string; path: string; debezium: unknown; ours: unknown; record: Parsed }

/** A reason why something may differ; `since` and `until`: the first and the last server where it shows. */
export type KnownDifference = {
  why: string
  since?: number
  until?: number
  topic?: RegExp
  path?: RegExp
  when?: (difference: Difference) => boolean
}

export function parseRecord({ topic, key, value, headers }: DebeziumRecord | Message): Parsed {
  return { topic: topic ?? '', key: parse(key), value: parse(value), headers: headers ?? {} }
}

/** What differs, in order. Records are matched inside their topic, in order, by key, operation and transaction. */
export function compareRecords(debezium: readonly Parsed[], ours: readonly Parsed[]): Difference[] {
  const differences: Difference[] = []
  const matched: [Parsed, Parsed][] = []
  const waiting = groupBy(debezium, identify)
  for (const record of ours) {
    const twin = waiting.get(identify(record))?.shift()
    if (twin) matched.push([twin, record])
    else differences.push({ topic: record.topic, path: '', debezium: undefined, ours: record, record })
  }
  for (const record of [...waiting.values()].flat())
    differences.push({ topic: record.topic, path: '', debezium: record, ours: undefined, record })
  const places = new Map(debezium.map((record, place) => [record, place]))
  let last = -1
  for (const [theirs, mine] of matched) {
    const place = places.get(theirs) ?? -1
    if (place < last) differences.push({ topic: mine.topic, path: 'order', debezium: place, ours: last, record: mine })
    last = place
    for (const each of differencesOfRecords(theirs, mine)) differences.push({ ...each, topic: mine.topic, record: theirs })
  }
  return differences
}

/** Those that no known reason explains, and the reasons that explained nothing. */
export function explain<D extends Difference>(differences: readonly D[], known: readonly KnownDifference[]) {
  const used = new Set<KnownDifference>()
  const unexplained = differences.filter((difference) => {
    const reasons = known.filter((each) => explains(each, difference))
    for (const reason of reasons) used.add(reason)
    return reasons.length === 0
  })
  return { unexplained, unused: known.filter((each) => !used.has(each)).map(({ why }) => why) }
}

/** For people: one line each. */
export function describe({ topic, path, debezium, ours }: Difference): string {
  return `${topic} ${path || 'record'}: Debezium ${short(debezium)}, ours ${short(ours)}`
}

function explains({ topic, path, when }: KnownDifference, difference: Difference): boolean {
  return (topic?.test(difference.topic) ?? true) && (path?.test(difference.path) ?? true) && (when?.(difference) ?? true)
}

/** The same for the two records of one change, whatever their values. */
function identify({ topic, key, value }: Parsed): string {
  const { op, source, status } = payloadOf(value) ?? {}
  // Of a row read, Debezium tells the transaction that reads.
  const txId = op === 'r' ? null : (source as { txId?: unknown } | undefined)?.txId
  return JSON.stringify([topic, sorted(payloadOf(key)), value === null ? 'tombstone' : op, txId, status], (_, each: unknown) =>
    typeof each === 'bigint' ? `${each}` : each,
  )
}

/** Fields in another order are a difference of their own. */
function sorted(fields: Record<string, unknown> | null): unknown {
  return fields && Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The fields of a key or a value, with or without a schema around them. */
export function payloadOf(part: unknown): Record<string, unknown> | null {
  const payload = split(part)?.payload ?? part
  return isContainer(payload) ? payload : null
}

/** Null where no schema is around it. */
function split(part: unknown): { schema: unknown; payload: unknown } | null {
  return isContainer(part) && 'schema' in part && 'payload' in part ? { schema: part.schema, payload: part.payload } : null
}

type Found = Pick<Difference, 'path' | 'debezium' | 'ours'>

function* differencesOfRecords(theirs: Parsed, mine: Parsed): Generator<Found> {
  for (const part of ['key', 'value'] as const) {
    const [debezium, ours] = [split(theirs[part]), split(mine[part])]
    if (!debezium || !ours) yield* differencesOf(theirs[part], mine[part], part)
    if (!debezium || !ours) continue
    yield* differencesOf(debezium.schema, ours.schema, `${part}.schema`)
    yield* differencesOf(debezium.payload, ours.payload, part)
  }
  yield* differencesOf(theirs.headers, mine.headers, 'headers')
}

function* differencesOf(debezium: unknown, ours: unknown, path: string): Generator<Found> {
  if (!isContainer(debezium) || !isContainer(ours) || Array.isArray(debezium) !== Array.isArray(ours)) {
    if (!isSame(debezium, ours)) yield { path, debezium, ours }
    return
  }
  const [left, right] = [named(debezium), named(ours)]
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
    yield* differencesOf(left[name], right[name], `${path}.${name}`)
  if (!sameOrder(left, right, path)) yield { path: `${path}.order`, debezium: Object.keys(left), ours: Object.keys(right) }
}

/** A double that is written with its exponent is the same as one without. */
function isSame(debezium: unknown, ours: unknown): boolean {
  if (typeof debezium === 'number' && typeof ours === 'bigint') return debezium === Number(ours)
  return isDeepStrictEqual(debezium, ours)
}

/** Fields of a row, of a key and of a struct stand in order; what is said of a schema may be said in any. */
function sameOrder(left: unknown, right: unknown, path: string): boolean {
  if (!isContainer(left) || !isContainer(right) || (path.includes('.schema') && !path.endsWith('.fields'))) return true
  return isDeepStrictEqual(Object.keys(left), Object.keys(right)) || !isDeepStrictEqual(Object.keys(left).sort(), Object.keys(right).sort())
}

/** The fields of a schema by their names. */
function named(value: Record<string, unknown>): Record<string, unknown> {
  const fields = Array.isArray(value) ? (value as { field?: string }[]) : []
  if (fields.length === 0 || !fields.every((each) => typeof each?.field === 'string')) return value
  return Object.fromEntries(fields.map((each) => [each.field ?? '', each]))
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function parse(text: string | null): unknown {
  return text === null ? null : JSON.parse(text, exact)
}

function exact(_name: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  return typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value
}

function groupBy(records: readonly Parsed[], name: (record: Parsed) => string): Map<string, Parsed[]> {
  const groups = new Map<string, Parsed[]>()
  for (const record of records) groups.set(name(record), [...(groups.get(name(record)) ?? []), record])
  return groups
}

function short(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'nothing'
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
