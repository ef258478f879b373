import { expect, test } from 'vitest'
import { createReadPool, type Lease } from './read-pool.ts'

const nobody = new AbortController().signal
const turn = () => new Promise((resolve) => setImmediate(resolve))

function setup(parallel: number, maxBytes: number) {
  const pool = createReadPool({ parallel, maxBytes })
  const entered: string[] = []
  const leases = new Map<string, Lease>()
  const enter = (name: string, rank = 0, bytes = 10) =>
    void pool.enter(rank, bytes, nobody).then((lease) => {
      entered.push(name)
      leases.set(name, lease)
    })
  return { pool, entered, leases, enter }
}

test('no more read at once than allowed, lower ranks first', async () => {
  const { entered, leases, enter } = setup(1, 1000)
  enter('a', 5)
  enter('b', 5)
  enter('c', 1)
  await turn()
  expect(entered).toEqual(['a'])
  leases.get('a')?.read(10)
  await turn()
  leases.get('c')?.release()
  await turn()
  expect(entered).toEqual(['a', 'c', 'b'])
})

test('reading pauses while too much waits to be handed out', async () => {
  const { entered, leases, enter } = setup(4, 25)
  for (const name of ['a', 'b', 'c']) enter(name)
  await turn()
  expect(entered).toEqual(['a', 'b'])
  leases.get('a')?.read(12)
  await turn()
  expect(entered).toEqual(['a', 'b'])
  leases.get('a')?.release()
  await turn()
  expect(entered).toEqual(['a', 'b', 'c'])
})

test('a chunk larger than the bound is let through alone', async () => {
  const { entered, enter } = setup(4, 25)
  enter('large', 0, 100)
  enter('next', 0, 10)
  await turn()
  expect(entered).toEqual(['large'])
})

test('whoever waits leaves with the signal', async () => {
  const { pool, enter } = setup(1, 1000)
  enter('a')
  const stop = new AbortController()
  const waiting = pool.enter(0, 10, stop.signal)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  await expect(pool.enter(0, 10, stop.signal)).rejects.toThrow('stopped')
})
