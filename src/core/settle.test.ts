import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Position } from '../contracts/position.ts'
import { createSettlement, lowestDurable } from './settle.ts'

test.each([
  [['3', '2', '4'], '2'],
  [['3', null], null],
  [[], null],
] as const)('the lowest of %j is %s', (durables, lowest) => expect(lowestDurable(durables)).toBe(lowest))

/** A settlement whose pauses end when the test says. */
function settling(durables: (Position | null)[], saving = { isWanted: false }) {
  const acts: string[] = []
  const pauses: (() => void)[] = []
  const over = new AbortController()
  const settlement = createSettlement({
    durables: () => durables,
    hasUnsaved: () => saving.isWanted,
    record: async (position) => {
      saving.isWanted = false
      acts.push(`record ${position}`)
    },
    acknowledge: (position) => void acts.push(`acknowledge ${position}`),
    failed: (error) => void acts.push(`failed ${String(error)}`),
    clock: {
      now: () => 0,
      sleep: (_, signal) =>
        new Promise((resolve) => {
          pauses.push(resolve)
          signal.addEventListener('abort', () => resolve())
        }),
    },
    signal: over.signal,
  })
  return { settlement, acts, pauses, over }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('records before it acknowledges, at once, then once a pause however often positions move', async () => {
  const durables: (Position | null)[] = ['1', null]
  const { settlement, acts, pauses, over } = settling(durables)
  settlement.moved()
  await turn()
  expect(acts).toEqual([])
  durables[1] = '2'
  settlement.moved()
  await turn()
  expect(acts).toEqual(['record 1', 'acknowledge 1'])
  for (const position of ['3', '4', '5']) {
    durables.fill(position)
    settlement.moved()
    await turn()
  }
  expect(acts).toHaveLength(2)
  pauses.shift()?.()
  await turn()
  expect(acts.slice(2)).toEqual(['record 5', 'acknowledge 5'])
  durables.fill('6')
  over.abort()
  await settlement.finish()
  expect(acts.slice(4)).toEqual(['record 6', 'acknowledge 6'])
})

test('saves the checkpoint of one sink also while another holds everything back', async () => {
  const saving = { isWanted: true }
  const { settlement, acts } = settling(['3', null], saving)
  settlement.moved()
  await turn()
  expect(acts).toEqual(['record null'])
})

test('never goes beyond a durable position, nor back, whatever order sinks move in', async () => {
  const moves = fc.array(fc.tuple(fc.nat(2), fc.nat(9)), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(moves, async (steps) => {
      const durables: (Position | null)[] = [null, null, null]
      const { settlement, acts, pauses, over } = settling(durables)
      for (const [sink, position] of steps) {
        const before = durables[sink] ?? null
        if (before === null || String(position) > before) durables[sink] = String(position)
        settlement.moved()
        pauses.shift()?.()
        await turn()
        const lowest = lowestDurable(durables)
        for (const act of acts) expect(lowest !== null && (act.split(' ')[1] ?? '') <= lowest).toBe(true)
      }
      over.abort()
      await settlement.finish()
      expect([...acts].sort((a, b) => (a.slice(-1) < b.slice(-1) ? -1 : 1))).toEqual(acts)
      expect(acts.at(-1)?.split(' ')[1] ?? null).toBe(lowestDurable(durables))
    }),
    { numRuns: 50 },
  )
})
