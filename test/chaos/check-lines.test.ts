import { expect, test } from 'vitest'
import { checkLines, type Line, type LogCheck } from './check-lines.ts'
import type { Entry, Truth } from './truth.ts'

const T = 'public.items'
const A = '{"id":1}'
const B = '{"id":2}'
const entry = (op: Entry['op'], v: number): Entry => ({ op, v, xid: v })
const truth = (chains: Record<string, Entry[]>, since: number | null = 0, events: number[] = []): Truth => ({
  tables: new Map([[T, { chains: new Map(Object.entries(chains)), since }]]),
  events,
  transactions: 0,
})
const line = (op: Line['op'], key: string, v: number, more: Partial<Line> = {}): Line => ({
  ...{ table: T, op, key: op === 'truncate' ? null : key, oldKey: null, v: op === 'delete' || op === 'truncate' ? null : v, xid: v },
  ...{ position: String(v).padStart(16, '0'), ordinal: op === 'read' ? null : 0, ...more },
})
const exactly: LogCheck = { sink: 's', exactlyOnce: true, inLogOrder: true }
const atLeast: LogCheck = { ...exactly, exactlyOnce: false }

const chain = { [A]: [entry('insert', 1), entry('update', 2), entry('delete', 3), entry('insert', 4)] }
const whole = [line('insert', A, 1), line('update', A, 2), line('delete', A, 3), line('insert', A, 4)]

test('a whole log has no faults, be it from the beginning or after a read', () => {
  expect(checkLines(truth(chain), whole, exactly)).toEqual([])
  expect(checkLines(truth(chain, 1), [line('read', A, 1), ...whole.slice(1)], exactly)).toEqual([])
  expect(checkLines(truth(chain, 1), [line('read', A, 4)], exactly)).toEqual([])
})

test('each change that is left out is found, also the first and the last', () => {
  for (const [at] of whole.entries()) expect(checkLines(truth(chain), whole.toSpliced(at, 1), exactly), String(at)).not.toEqual([])
  expect(checkLines(truth(chain), [], exactly)).not.toEqual([])
  expect(checkLines(truth({ [A]: [entry('insert', 1), entry('delete', 2)] }), [], exactly)).not.toEqual([])
})

test('what is there twice is found where it may not be; elsewhere what comes again is let be', () => {
  for (const [at] of whole.entries()) {
    const twice = whole.toSpliced(at, 0, whole[at] as Line) // there is one
    expect(checkLines(truth(chain), twice, exactly), String(at)).not.toEqual([])
    expect(checkLines(truth(chain), twice, atLeast)).toEqual([])
  }
  expect(checkLines(truth(chain), [...whole.slice(0, 3), ...whole], atLeast)).toEqual([])
  expect(checkLines(truth(chain), [...whole.slice(0, 2), ...whole.slice(3), ...whole], atLeast)).not.toEqual([])
})

test('an order that is not the one of the log, rows that go back and rows that never were are found', () => {
  expect(checkLines(truth(chain), [whole[1], whole[0], whole[2], whole[3]] as Line[], exactly)).not.toEqual([])
  expect(checkLines(truth(chain), [...whole.slice(0, 2), line('read', A, 1), ...whole.slice(2)], exactly)).not.toEqual([])
  expect(checkLines(truth(chain), [...whole, line('insert', B, 9)], exactly)).not.toEqual([])
})

test('a key that changes leaves one chain and goes on in another', () => {
  const moved = { [A]: [entry('insert', 1), entry('delete', 2)], [B]: [entry('update', 2)] }
  expect(checkLines(truth(moved), [line('insert', A, 1), line('update', B, 2, { oldKey: A })], exactly)).toEqual([])
  expect(checkLines(truth(moved), [line('insert', A, 1), line('update', B, 2)], exactly)).not.toEqual([])
})

test('a truncate comes between what was before it and what is after it', () => {
  const cut = { [A]: [entry('insert', 1), entry('truncate', 2), entry('insert', 3)], [B]: [entry('insert', 1), entry('truncate', 2)] }
  const lines = [line('insert', A, 1), line('insert', B, 1, { ordinal: 1 }), line('truncate', '', 2), line('insert', A, 3)]
  expect(checkLines(truth(cut), lines, exactly)).toEqual([])
  expect(checkLines(truth(cut), lines.toSpliced(2, 1), exactly)).not.toEqual([])
  expect(
    checkLines(
      truth(cut),
      [...lines.slice(0, 2), line('insert', A, 3, { position: '0000000000000001', ordinal: 2 }), line('truncate', '', 4)],
      exactly,
    ),
  ).not.toEqual([])
})

test('rows without a key are there once each', () => {
  const event = (v: number) => line('insert', '', v, { table: 'public.events', key: null })
  const told = truth({}, 0, [1, 2])
  expect(checkLines(told, [event(1), event(2)], exactly)).toEqual([])
  expect(checkLines(told, [event(1)], atLeast)).not.toEqual([])
  expect(checkLines(told, [event(1), event(2), event(3)], atLeast)).not.toEqual([])
  expect(checkLines(told, [event(1), event(2), { ...event(2), position: '9' }], exactly)).not.toEqual([])
})
