import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'
import { withImages } from '../../testing/imaged-changes.ts'
import { changes, control, makeTable, openTestSink, readAll, rows, signal, temporaryFolder, type Step } from './sink.fixture.ts'

/**
 * Random histories of one table against the simplest reading of them: a map from key to row. Each operation is drawn
 * as numbers and made possible against the map (an update picks a row that is there), so that every history could
 * have come from a database.
 */
type Draw = { op: number; pick: number; key: number; value: number; unsent: boolean }

const draws = fc.array(
  fc.record({
    op: fc.integer({ min: 0, max: 99 }),
    pick: fc.nat(),
    key: fc.integer({ min: 0, max: 11 }),
    value: fc.nat(999),
    unsent: fc.boolean(),
  }),
  { minLength: 1, maxLength: 120 },
)

const USERS: Table = makeTable([
  ['id', { kind: 'int32' }],
  ['name', { kind: 'text', name: 'text' }],
  ['doc', { kind: 'text', name: 'text' }],
])

type Model = Map<number, Row>

/** One change, applied to the model; null where the draw is not possible now. */
function step(model: Model, draw: Draw): Step | null {
  const keys = [...model.keys()]
  const old = keys[draw.pick % Math.max(1, keys.length)]
  const row: Row = [draw.key, `n${draw.value}`, `d${draw.value}`]
  if (draw.op === 0) {
    model.clear()
    return { op: 'truncate' }
  }
  if (draw.op < 35) return model.has(draw.key) ? null : insert(model, row)
  if (old === undefined) return null
  const present = model.get(old) as Row
  if (draw.op < 55) {
    model.delete(old)
    return { op: 'delete', before: [old, UNCHANGED, UNCHANGED] }
  }
  const isMove = draw.op >= 80 && !model.has(draw.key)
  const key = isMove ? draw.key : old
  const after: Row = [key, row[1] as string, draw.unsent ? UNCHANGED : (row[2] as string)]
  model.delete(old)
  model.set(key, [key, row[1] as string, draw.unsent ? (present[2] as string) : (row[2] as string)])
  return isMove ? { op: 'update', after, oldKey: [old, UNCHANGED, UNCHANGED] } : { op: 'update', after }
}

function insert(model: Model, row: Row): Step {
  model.set(row[0] as number, row)
  return { op: 'insert', after: row }
}

function sorted(found: Iterable<Row>): Row[] {
  return [...found].sort((a, b) => Number(a[0]) - Number(b[0]))
}

/** Rows as values, and in the bytes they came in. */
const FORMS = [
  ['as values', (batch: Batch) => batch],
  ['as bytes', withImages],
] as const

test.each(FORMS)(
  'any history %s, cut into batches anywhere, gives the rows that the changes give one by one',
  async (_, formed) => {
    await fc.assert(
      fc.asyncProperty(draws, fc.integer({ min: 1, max: 40 }), async (history, size) => {
        using folder = temporaryFolder()
        await using sink = openTestSink(folder.path)
        const model: Model = new Map()
        const steps = history.flatMap((draw) => step(model, draw) ?? [])
        for (let at = 0; at < steps.length; at += size)
          await sink.write(formed(changes(at + size + 10, USERS, steps.slice(at, at + size))), signal)
        expect(sorted(await readAll(sink, USERS))).toEqual(sorted(model.values()))
      }),
      { numRuns: 60 },
    )
  },
  120_000,
)

test.each(FORMS)(
  'a generation over rows of an earlier one, changes %s, ends with what the chunks and the stream delivered',
  async (_, formed) => {
    await fc.assert(
      fc.asyncProperty(draws, fc.integer({ min: 1, max: 20 }), fc.array(fc.integer({ min: 0, max: 11 })), async (history, size, stale) => {
        using folder = temporaryFolder()
        await using sink = openTestSink(folder.path)
        await sink.write(
          rows(1, USERS, { rows: [...new Set(stale)].map((id) => [id, 'stale', 'stale']), chunk: 'public.users/g0/0' }),
          signal,
        )
        await sink.write(control(2, USERS, { event: 'snapshot-begin', generation: 'g1', fresh: false }), signal)
        const model: Model = new Map([3, 4, 5, 6].map((id) => [id, [id, 'read', 'read']]))
        await sink.write(rows(3, USERS, { rows: [...model.values()], chunk: 'public.users/g1/0' }), signal)
        const steps = history.flatMap((draw) => step(model, draw) ?? [])
        for (let at = 0; at < steps.length; at += size) {
          await sink.write(formed(changes(at + size + 10, USERS, steps.slice(at, at + size))), signal)
          // A chunk read again brings rows that the table already holds.
          await sink.write(rows(at + size + 10, USERS, { rows: [], chunk: `public.users/g1/${at + 1}` }), signal)
        }
        await sink.write(control(10_000, USERS, { event: 'snapshot-end', generation: 'g1' }), signal)
        expect(sorted(await readAll(sink, USERS))).toEqual(sorted(model.values()))
      }),
      { numRuns: 40 },
    )
  },
  120_000,
)
