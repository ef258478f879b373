import { expect, test } from 'vitest'
import type { SinkRecord } from '../../contracts/sink.ts'
import type { Ledger } from './ledger.ts'
import { createSaver } from './saver.ts'

test('what becomes durable in the moment in which a save ends is saved too', async () => {
  const saved: string[] = []
  const waiting: SinkRecord[] = [{ position: 'A', carry: '', chunks: [] }]
  let ticks = 0
  const late = () => {
    waiting.push({ position: 'B', carry: '', chunks: [] })
    saver.save()
  }
  const checkpoint = (): SinkRecord | null => {
    const next = waiting.shift() ?? null
    if (next === null && saved.length === 1)
      for (let tick = Promise.resolve(), at = 0; at < ticks; at++) tick = tick.then(at === ticks - 1 ? late : () => {})
    return next
  }
  const saver = createSaver({
    ledger: { checkpoint } as Ledger, // all that it asks for
    state: { load: async () => null, save: async ({ position }) => void saved.push(position) },
    own: { reading: '', tables: {}, generations: {} },
    durable: () => {},
    failed: () => {},
  })
  for (ticks = 1; ticks <= 6; ticks++) {
    saved.length = 0
    waiting.splice(0, waiting.length, { position: 'A', carry: '', chunks: [] })
    saver.save()
    await saver.idle()
    for (let at = 0; at < 10; at++) await Promise.resolve()
    await saver.idle()
    expect(saved, `${ticks} ticks after`).toEqual(['A', 'B'])
  }
})

test('in a flood it rests between saves, and not where somebody waits for them', async () => {
  const saved: string[] = []
  const waiting: SinkRecord[] = []
  const saver = createSaver({
    ledger: { checkpoint: () => waiting.splice(0).at(-1) ?? null } as Ledger, // all that it asks for
    state: { load: async () => null, save: async ({ position }) => void saved.push(position) },
    own: { reading: '', tables: {}, generations: {} },
    durable: () => {},
    failed: () => {},
    restMs: 1e9,
  })
  for (const position of ['A', 'B', 'C', 'D']) {
    waiting.push({ position, carry: '', chunks: [] })
    saver.save()
    await new Promise(setImmediate)
  }
  expect(saved).toEqual(['A'])
  await saver.idle()
  expect(saved).toEqual(['A', 'D'])
})
