import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import { batchOf, rowsAt, snapshotBeginAt, snapshotEndAt, usersTable } from '../../testing/fixtures.ts'
import { createLedger, type Ledger, type Pending } from './ledger.ts'

const users = usersTable()
const rows = (index: number, last = true) => rowsAt(index, { table: users, chunk: `public.users/g1/${index}`, rows: [], last })

function take(ledger: Ledger, batch: Batch, isKept = true): Pending | null {
  ledger.begin()
  const held = isKept ? ledger.hold() : null
  ledger.end(batch)
  return held
}

test('gives out the newest batch before the oldest that is pending, whatever was finished after it', () => {
  const ledger = createLedger()
  const [first, second, third] = [1, 2, 3].map((at) => take(ledger, batchOf(at)))
  ledger.settle(second!) // kept above
  ledger.settle(third!)
  expect(ledger.checkpoint()).toBeNull()
  ledger.settle(first!)
  expect(ledger.checkpoint()).toEqual({ position: batchOf(3).end, carry: 'carry 3', chunks: [] })
  expect([ledger.checkpoint(), ledger.isBehind]).toEqual([null, false])
})

test('a chunk at the position of changes before it is not done with them', () => {
  const ledger = createLedger()
  const changes = take(ledger, batchOf(1))
  const chunk = take(ledger, rows(2))
  expect(batchOf(1).end).toBe(rows(2).end)
  ledger.settle(changes!) // kept above
  expect(ledger.checkpoint()).toMatchObject({ position: batchOf(1).end, chunks: [] })
  expect(ledger.isBehind).toBe(true)
  ledger.settle(chunk!)
  expect(ledger.checkpoint()).toMatchObject({ position: batchOf(1).end, chunks: ['public.users/g1/2'] })
})

test('nothing is given out of a batch that is being taken', () => {
  const ledger = createLedger()
  take(ledger, batchOf(1), false)
  ledger.begin()
  expect(ledger.checkpoint()).toMatchObject({ position: batchOf(1).end })
  ledger.end(batchOf(2))
  expect(ledger.checkpoint()).toMatchObject({ position: batchOf(2).end })
})

test('no checkpoint while a chunk is delivered in part, until its copy begins anew', () => {
  const ledger = createLedger()
  take(ledger, batchOf(1), false)
  take(ledger, rows(2, false), false)
  take(ledger, batchOf(3), false)
  expect(ledger.checkpoint()).toMatchObject({ position: batchOf(1).end })
  expect(ledger.checkpoint()).toBeNull()
  take(ledger, snapshotBeginAt(5, users, 'g2', false), false)
  expect(ledger.checkpoint()).toMatchObject({ position: snapshotBeginAt(5, users, 'g2').end, chunks: [] })
  take(ledger, snapshotEndAt(6, users, 'g2'), false)
  expect(ledger.checkpoint()).toMatchObject({ chunks: ['public.users/g2/end'] })
})

test('in any order of finishing it never claims what is pending, and in the end everything', () => {
  const plans = fc.array(fc.record({ kept: fc.nat(2), finish: fc.array(fc.nat(20), { maxLength: 3 }) }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(plans, (steps) => {
      const ledger = createLedger()
      const open: { at: number; held: Pending }[] = []
      let given = 0
      const look = () => {
        const found = ledger.checkpoint()
        if (found !== null) given = Number(found.carry.split(' ')[1])
        const oldest = Math.min(...open.map(({ at }) => at))
        expect(given).toBeLessThan(oldest)
      }
      for (const [index, { kept, finish }] of steps.entries()) {
        ledger.begin()
        for (let n = 0; n < kept; n++) open.push({ at: index + 1, held: ledger.hold() })
        ledger.end(batchOf(index + 1))
        for (const which of finish) for (const { held } of open.splice(which, 1)) ledger.settle(held)
        look()
        // As far as it can be: the batch before the oldest that is pending.
        expect(given).toBe(Math.min(index + 2, ...open.map(({ at }) => at)) - 1)
      }
      for (const { held } of open.splice(0)) ledger.settle(held)
      look()
      expect([given, ledger.isBehind]).toEqual([steps.length, false])
    }),
  )
})
