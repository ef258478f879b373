import { describe, expect, test } from 'vitest'
import type { Chunk } from '../contracts/source.ts'
import type { Table } from '../contracts/table.ts'
import { decideCopy, newPlan, withChunks, type Plan } from './snapshot-plan.ts'

const T: Table = { schema: 'public', name: 't', id: 9, version: 'v', columns: [], key: [0], identity: 'key' }
const KEYLESS: Table = { ...T, key: [] }
const chunk = (id: string, leaf = 'a'): Chunk => ({ id, table: T, leaf, predicate: null, rowEstimate: 1 })
const plan = (sinks: string[], rest: Partial<Plan> = {}): Plan => ({
  tableId: 9,
  generation: '9-b',
  sinks,
  fresh: true,
  chunks: [chunk('public.t/9-b/0')],
  next: 1,
  ...rest,
})
const sink = (name: string, ...chunks: string[]) => ({ name, chunks: new Set(chunks) })
const END = 'public.t/9-b/end'

describe('whether a table is copied', () => {
  test.each<[string, Table, Plan | null, ReturnType<typeof sink>[], unknown]>([
    ['anew where nothing was planned', T, null, [sink('one')], { act: 'anew', sinks: ['one'] }],
    ['not where every sink holds its end', T, plan(['one']), [sink('one', END)], { act: 'none' }],
    [
      'not where an older generation ended, and the newest was for others',
      T,
      plan(['two']),
      [sink('one', 'public.t/9-a/end'), sink('two', END)],
      { act: 'none' },
    ],
    ['by the plan where it was not finished', T, plan(['one']), [sink('one', 'public.t/9-b/0')], { act: 'resume', sinks: ['one'] }],
    [
      'by the plan for the sink that has not finished',
      T,
      plan(['one', 'two']),
      [sink('one', END), sink('two')],
      { act: 'resume', sinks: ['two'] },
    ],
    [
      'by the plan where a sink that holds the table was to get it again',
      T,
      plan(['one']),
      [sink('one', 'public.t/9-a/end')],
      { act: 'resume', sinks: ['one'] },
    ],
    [
      'anew, alone, for a sink that joined after the others had it',
      T,
      plan(['one']),
      [sink('one', END), sink('two')],
      { act: 'anew', sinks: ['two'] },
    ],
    [
      'anew for both where one joined while the other was in the middle',
      T,
      plan(['one']),
      [sink('one'), sink('two')],
      { act: 'anew', sinks: ['one', 'two'] },
    ],
    [
      'anew where it was wanted and not planned',
      T,
      plan(['one'], { chunks: null }),
      [sink('one', 'public.t/9-a/end')],
      { act: 'anew', sinks: ['one'] },
    ],
    ['anew where another table has taken the name', { ...T, id: 10 }, plan(['one']), [sink('one', END)], { act: 'anew', sinks: ['one'] }],
    [
      'anew where a table without a key was not finished',
      KEYLESS,
      plan(['one']),
      [sink('one', 'public.t/9-b/0')],
      { act: 'anew', sinks: ['one'] },
    ],
    ['not where a table without a key was finished', KEYLESS, plan(['one']), [sink('one', END)], { act: 'none' }],
  ])('%s', (...[, table, before, sinks, decision]) =>
    expect(decideCopy(table, { plan: before, missed: null }, sinks)).toMatchObject(decision as object),
  )
})

test('what was copied before changes were missed counts for nothing, and what comes after does, whatever the clock says', () => {
  const past = { plan: plan(['one']), missed: (Date.now() + 1e9).toString(36) }
  expect(decideCopy(T, past, [sink('one', END)])).toEqual({ act: 'anew', sinks: ['one'] })
  const { generation } = newPlan(T, past, ['one'], [])
  expect(decideCopy(T, { ...past, plan: null }, [sink('one', `public.t/${generation}/end`)])).toEqual({ act: 'none' })
})

test('a table under a new name is the one that was copied', () => {
  const renamed = { ...T, name: 'a/b' }
  expect(decideCopy(renamed, { plan: null, missed: null }, [sink('one', END)])).toEqual({ act: 'none' })
  expect(newPlan(renamed, { plan: null, missed: null }, ['one'], [sink('one', 'public.t/9-b/0')]).fresh).toBe(false)
  expect(decideCopy(renamed, { plan: null, missed: null }, [sink('one', 'public.a/b/9-b/end')])).toEqual({ act: 'none' })
})

test('a new generation has a name never used, after the one before, and is fresh only where no sink has any of it', () => {
  const first = newPlan(T, { plan: null, missed: null }, ['one'], [sink('one')])
  expect(first).toMatchObject({ tableId: 9, fresh: true, chunks: null, next: 0 })
  const second = newPlan(T, { plan: first, missed: null }, ['one'], [sink('one')])
  expect(second.generation > first.generation).toBe(true)
  expect(second.fresh).toBe(false)
  expect(newPlan(T, { plan: null, missed: null }, ['one'], [sink('one', 'public.t/8-a/end')]).fresh).toBe(false)
  expect(newPlan(T, { plan: plan(['one']), missed: null }, ['two'], [sink('one', END), sink('two')]).fresh).toBe(true)
})

test('chunks planned anew take the place of their leaf, under numbers not used before', () => {
  const planned = withChunks(T, plan([], { chunks: null, next: 0 }), [chunk('x', 'a'), chunk('y', 'b')], null)
  const again = withChunks(T, planned, [chunk('x', 'a'), chunk('z', 'a')], 'a')
  expect(again.chunks?.map(({ id, leaf }) => `${leaf} ${id}`)).toEqual(['b public.t/9-b/1', 'a public.t/9-b/2', 'a public.t/9-b/3'])
})

test('a table without a key is copied for all sinks where one lacks it: its changes are held, and dropped, for all', () => {
  const sinks = [sink('one', 'public.t/9-b/0'), sink('two', END)]
  expect(decideCopy(KEYLESS, { plan: plan(['one', 'two']), missed: null }, sinks)).toEqual({ act: 'anew', sinks: ['one', 'two'] })
})
