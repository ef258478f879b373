import { expect, test } from 'vitest'
import { createKeyQueues, type KeyQueues } from './key-queues.ts'
import type { KinesisRecord } from './records.ts'

const MB = 1024 * 1024
const record = (name: string, bytes = 10): KinesisRecord => ({ partitionKey: name[0] ?? '', data: Buffer.from(name), bytes })
const namesOf = (records: readonly KinesisRecord[]) => records.map(({ data }) => Buffer.from(data).toString())
const none = () => false

function queuesOf(perKey: number, names: readonly string[]): KeyQueues {
  const queues = createKeyQueues(perKey)
  for (const name of names) queues.add(record(name))
  return queues
}

test('takes one record of each key, and the next of a key only when the one before it is stored', () => {
  const queues = queuesOf(1, ['a1', 'b1', 'a2', 'c1', 'a3'])
  const first = queues.take()
  expect(namesOf(first)).toEqual(['a1', 'b1', 'c1'])
  expect(queues.take()).toEqual([])
  queues.add(record('a4'))
  expect(queues.take()).toEqual([])
  expect(queues.settle(first, none)).toEqual({ held: [], stored: 3 })
  const second = queues.take()
  expect(namesOf(second)).toEqual(['a2'])
  queues.settle(second, none)
  expect(namesOf(queues.take())).toEqual(['a3'])
})

test('holds a key whose record was refused, lets the others go on, and sends the refused one first', () => {
  const queues = queuesOf(1, ['a1', 'a2', 'b1', 'b2'])
  const { held, stored } = queues.settle(queues.take(), (index) => index === 0)
  expect(stored).toBe(1)
  const second = queues.take()
  expect(namesOf(second)).toEqual(['b2'])
  queues.settle(second, none)
  expect(queues.take()).toEqual([])
  queues.add(record('c1'))
  queues.release(held)
  expect(namesOf(queues.take())).toEqual(['a1', 'c1'])
})

test('with many of a key in a request, sends the first refused one again with all after it', () => {
  const queues = queuesOf(500, ['a1', 'a2', 'a3', 'b1', 'a4'])
  const first = queues.take()
  expect(namesOf(first)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1'])
  const { held, stored } = queues.settle(first, (index) => index === 1)
  expect(stored).toBe(2)
  queues.add(record('a5'))
  queues.release(held)
  expect(namesOf(queues.take())).toEqual(['a2', 'a3', 'a4', 'a5'])
})

test('fills a request up to 500 records and 5 MiB, and sends a larger record alone', () => {
  const queues = createKeyQueues(1)
  for (let at = 0; at < 501; at++) queues.add({ ...record('x'), partitionKey: String(at) })
  expect(queues.take()).toHaveLength(500)
  expect(queues.take()).toHaveLength(1)
  for (const [name, bytes] of [
    ['a', 3 * MB],
    ['b', 2 * MB],
    ['c', 1],
    ['d', 9 * MB],
  ] as const)
    queues.add(record(name, bytes))
  expect(namesOf(queues.take())).toEqual(['a', 'b'])
  expect(namesOf(queues.take())).toEqual(['c'])
  expect(namesOf(queues.take())).toEqual(['d'])
})

test('counts the bytes of what is not stored', () => {
  const queues = queuesOf(1, ['a1', 'a2', 'b1'])
  expect(queues.pendingBytes).toBe(30)
  queues.settle(queues.take(), (index) => index === 1)
  expect(queues.pendingBytes).toBe(20)
})
