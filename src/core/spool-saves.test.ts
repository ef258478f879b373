import { expect, test } from 'vitest'
import type { SinkState } from '../contracts/sink.ts'
import type { Lane } from './lane.ts'
import { hastyClock } from './pipeline.fixture.ts'
import { createSpoolSaves } from './spool-saves.ts'
import type { Spool } from './spool.ts'

/** Segments 1 to 3 end at positions 10, 20, 30; what happens is told in order. */
async function savedWith(lane: Partial<Lane>, { given, opened }: { given: number; opened: string | null }): Promise<string[]> {
  const acts: string[] = []
  const saves = createSpoolSaves({
    lane: { isLevel: false, takeUnsaved: () => ({ position: lane.durable ?? '', carry: '', chunks: [] }), ...lane } as Lane, // all that is asked of it
    opened,
    known: { save: async ({ position }: { position: string }) => void acts.push(`saved ${position}`) } as unknown as SinkState,
    spool: {
      endOf: (segment: number) => ({ record: { position: `${segment}0`, carry: '', chunks: [] }, held: null }),
      async release(isHeld: (segment: number) => boolean) {
        const held = [1, 2, 3].filter(isHeld)
        acts.push(...held.map((segment) => `released ${segment}`))
        return held.length > 0
      },
    } as unknown as Spool,
    given: () => given,
    released: () => void acts.push('room'),
    failed: (error) => void acts.push(String(error)),
    clock: hastyClock,
    signal: new AbortController().signal,
  })
  await saves.finish()
  return acts
}

test('a segment goes once the sink holds more than it durably, and that was written down before', async () => {
  expect(await savedWith({ durable: '25' }, { given: 4, opened: '05' })).toEqual(['saved 25', 'released 1', 'released 2', 'room'])
})

test('a segment that ends just where the sink is durable stays: rows of a copy may stand there too', async () => {
  expect(await savedWith({ durable: '20' }, { given: 4, opened: null })).toEqual(['saved 20', 'released 1', 'room'])
})

test('what the sink held as it was opened says nothing of rows that are given as standing there', async () => {
  expect(await savedWith({ durable: '25' }, { given: 4, opened: '25' })).toEqual(['saved 25'])
})

test('where nothing is under way all that was given goes, and nothing else', async () => {
  expect(await savedWith({ durable: '25', isLevel: true }, { given: 2, opened: '25' })).toEqual(['saved 25', 'released 1', 'room'])
})
