import assert from 'node:assert/strict'
import type { Batch } from '../contracts/batch.ts'
import type { Format, Message } from '../contracts/format.ts'
import { messagesOf } from '../messages/messages-of.ts'
import { expectRuns, type Runs } from './expect-runs.ts'
import type { Given } from './sink-expectations.ts'
import type { ReadMessage } from './sink-subject.ts'

type Expected = { message: Message }
type Options = { given: Given; format: Format; dropsTombstones: boolean }

/** The messages of each key in order, and of those without a key the right number; each with its key, headers and id, where they are told. */
export function expectMessages(found: readonly ReadMessage[], { given, format, dropsTombstones }: Options): void {
  const expected = (batches: readonly Batch[]): Expected[] =>
    batches.flatMap((batch) => [...messagesOf(format, batch)]).filter(({ message }) => !dropsTombstones || message.value !== null)
  const runs = { first: expected(given.first), sure: expected(given.first.slice(0, given.sure)).length, last: expected(given.last) }
  const known = byText([...runs.first, ...runs.last])
  for (const each of found) expectKnown(each, known)
  expectOrder(found, runs)
  expectIds(found, known)
}

type MessageRuns = { first: readonly Expected[]; sure: number; last: readonly Expected[] }

/** What tells a message from others: of a tombstone only its key does. */
function textOf({ key, value }: { key?: string | null; value: string | null }): string {
  return value ?? `tombstone of ${key}`
}

function byText(expected: readonly Expected[]): Map<string, Expected> {
  return new Map(expected.map((each) => [textOf(each.message), each]))
}

function expectKnown(found: ReadMessage, known: ReadonlyMap<string, Expected>): void {
  const expected = known.get(textOf(found))?.message
  assert.ok(expected, `a message that nobody wrote: ${textOf(found)}`)
  if (found.key !== undefined) assert.equal(found.key, expected.key, `the key of ${textOf(found)}`)
  if (found.headers === undefined) return
  for (const [name, value] of Object.entries(expected.headers ?? {})) assert.equal(found.headers[name], value, `the header ${name}`)
}

/** The plain format's keys name their table: one key, one order. */
function expectOrder(found: readonly ReadMessage[], { first, sure, last }: MessageRuns): void {
  const lanes = new Map([...first, ...last].map(({ message }) => [textOf(message), laneOf(message)]))
  const inLanes = (texts: readonly string[]) => Map.groupBy(texts, (text) => lanes.get(text) ?? '')
  const textsOf = (run: readonly Expected[]) => inLanes(run.map(({ message }) => textOf(message)))
  const [firsts, sures, lasts, founds] = [textsOf(first), textsOf(first.slice(0, sure)), textsOf(last), inLanes(found.map(textOf))]
  for (const lane of new Set(lanes.values())) {
    const runs = { first: firsts.get(lane) ?? [], sure: sures.get(lane)?.length ?? 0, last: lasts.get(lane) ?? [] }
    if (lane === UNORDERED) expectCounts(founds.get(lane) ?? [], runs)
    else if (lane !== OPTIONAL) expectRuns(founds.get(lane) ?? [], { ...runs, what: `the messages of ${lane}` })
  }
}

const UNORDERED = 'no key'
/** Logical messages belong to no table: a sink may have no place for them. */
const OPTIONAL = 'no table'

function laneOf({ key, value }: Message): string {
  if (value?.startsWith('["message"')) return OPTIONAL
  return key ?? UNORDERED
}

function expectCounts(found: readonly string[], { first, sure, last }: Omit<Runs, 'what'>): void {
  const count = (texts: readonly string[], text: string) => texts.filter((each) => each === text).length
  for (const text of new Set([...first, ...last])) {
    const least = count(first.slice(0, sure), text) + count(last, text)
    const times = count(found, text)
    assert.ok(times >= least, `${text} is there ${times} times, not ${least}`)
    assert.ok(times <= count(first, text) + count(last, text), `${text} is there ${times} times: more often than it was given`)
  }
}

/**
 * The same message has one id however often it was sent, and no two messages have the same. Of messages without a key, and of tombstones,
 * two may be equal to the letter.
 */
function expectIds(found: readonly ReadMessage[], known: ReadonlyMap<string, Expected>): void {
  const told = found.filter((each) => each.id !== undefined)
  const byId = Map.groupBy(told, (each) => each.id)
  for (const [id, same] of byId) assert.equal(new Set(same.map(textOf)).size, 1, `two messages have the id ${id}`)
  const byText = Map.groupBy(told, textOf)
  for (const [text, same] of byText) {
    const { key, value } = known.get(text)?.message ?? { key: null, value: null }
    if (key === null || value === null) continue
    assert.equal(new Set(same.map((each) => each.id)).size, 1, `${text} has another id when it comes again`)
  }
}
