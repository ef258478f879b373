import { expect, test } from 'vitest'
import { createTailState } from '../cli/tail-state.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { noteTransforms } from './note-transforms.ts'

test('other transforms than in the last run are told once, and never at a first run', async () => {
  const state = createTailState()
  const told: PipelineEvent[] = []
  const run = async (transforms?: object[]) => {
    told.length = 0
    await noteTransforms({ shown: transforms ? { transforms } : {} }, state, (event) => told.push(event))
    await state.set({ log: { system: 'x', timeline: 1 } })
    return told.map((event) => (event.event === 'warning' ? event.code : event.event))
  }
  const [drop, mask] = [{ type: 'drop' }, { type: 'mask' }]
  expect(await run([drop])).toEqual([])
  expect(await run([drop])).toEqual([])
  expect(await run([drop, mask])).toEqual(['TRANSFORMS_CHANGED'])
  expect(await run([drop, mask])).toEqual([])
  expect(await run()).toEqual(['TRANSFORMS_CHANGED'])
  await state.delete('transforms')
  expect(await run()).toEqual([])
  await state.delete('transforms')
  expect(await run([drop])).toEqual(['TRANSFORMS_CHANGED'])
})
