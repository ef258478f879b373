import { expect, test } from 'vitest'
import type { StateStore } from '../contracts/state-store.ts'
import type { Lane } from './lane.ts'
import { recordAcknowledged, type Acknowledged } from './run-resume.ts'

test('writes no sink down as further than the checkpoint that was saved for it', async () => {
  const facts = new Map<string, unknown>()
  const saved: string[] = []
  let position = '1'
  // It goes on while the other's checkpoint is being saved.
  const lane = (name: string) =>
    ({
      name,
      get held() {
        return position
      },
      get durable() {
        return position
      },
      takeUnsaved: () => ({ position, carry: '', chunks: [] }),
    }) as unknown as Lane // all that is asked of it
  const state = {
    set: async (entries: Record<string, unknown>) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
    sink: () => ({
      async save(step: { position: string }) {
        saved.push(step.position)
        position = '2'
      },
    }),
  } as unknown as StateStore // all that is asked of it
  await recordAcknowledged(state, { lanes: [lane('a'), lane('b')], sinks: [] }, '1')
  expect(saved).toEqual(['1', '1'])
  const written = facts.get('acknowledged') as Acknowledged
  expect(written.sinks).toEqual({ a: { held: '1', durable: '1' }, b: { held: '1', durable: '1' } })
})
