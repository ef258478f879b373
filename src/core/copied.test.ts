import { expect, test } from 'vitest'
import { createCopied } from './copied.ts'

const rows = (count: number) => ({ rows: count, bytes: count * 10 })

test('a chunk that is read again counts once', () => {
  const copied = createCopied({ now: () => 0 })
  copied.begin(1, 'a')
  copied.set(1, '0', rows(5))
  copied.set(1, '1', rows(7))
  copied.begin(1, 'a')
  copied.set(1, '1', rows(8))
  expect(copied.of(1)).toEqual(rows(13))
})

test('a table that is copied anew counts with its newest generation alone', () => {
  const copied = createCopied({ now: () => 0 })
  copied.begin(1, 'a')
  copied.set(1, '0', rows(5))
  copied.begin(2, 'b')
  copied.set(2, '0', rows(1))
  copied.begin(1, 'c')
  copied.set(1, '0', rows(6))
  expect(copied.total()).toMatchObject({ tables: 2, ...rows(7) })
})

test('what was planned anew counts with the chunks of the new plan', () => {
  const copied = createCopied({ now: () => 0 })
  copied.begin(1, 'a')
  copied.set(1, 'moved', rows(5))
  copied.set(1, 'kept', rows(2))
  copied.keep(1, ['kept', 'new'])
  copied.set(1, 'new', rows(5))
  expect(copied.of(1)).toEqual(rows(7))
})

test('seconds are those in which some table was being copied', () => {
  let time = 0
  const copied = createCopied({ now: () => time })
  copied.begin(1, 'a')
  time = 1000
  copied.begin(2, 'b')
  time = 3000
  copied.end(1)
  copied.end(2)
  time = 60_000
  expect(copied.total().seconds).toBe(3)
  copied.begin(3, 'c')
  time = 61_000
  expect(copied.total().seconds).toBe(4)
})
