import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-sink.ts'
import type { Transform } from '../contracts/transform.ts'
import { useWorld } from './pipeline.fixture.ts'
import { createTransformation } from './transformation.ts'

const world = useWorld()
const splitting: Transform = { splits: true, table: () => null }
const withScript = { transforms: createTransformation([splitting], { keyNeededBy: null }) }

test('a script comes and goes between transactions, and not where a sink stands inside one', async () => {
  const stores = { a: createMemoryStore() }
  await world.begin(stores)
  world.insert(1, 2)
  await world.run(stores, { ...withScript, until: 'caught-up' })
  world.insert(3, 4)
  await world.run(stores, { until: 'caught-up' })
  expect(stores.a.lines).toEqual(world.allLines().map((line, at) => (at === 1 ? line.replace(/1$/, '4096') : line)))

  const { record } = stores.a
  stores.a.record = { ...record!, position: `${world.insert(5)}:000000000000` }
  await expect(world.run(stores, withScript)).rejects.toMatchObject({ code: 'TRANSFORM_ORDINALS', fields: { sink: 'a' } })
})
