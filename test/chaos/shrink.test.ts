import { expect, test } from 'vitest'
import { createScenario, type Scenario } from './scenario.ts'
import { shrink } from './shrink.ts'

const scenario = createScenario(3, { lastsMs: 12_000, withDisk: true })
const without = (at: number) => (smaller: Scenario) => !smaller.faults.includes(scenario.faults[at]!) // it has that many

test('leaves the one fault that matters, wherever it is', async () => {
  expect(scenario.faults.length).toBeGreaterThan(4)
  for (const at of [0, 2, scenario.faults.length - 1]) {
    const smallest = await shrink(scenario, async (smaller) => !without(at)(smaller))
    expect(smallest?.faults).toContain(scenario.faults[at])
    expect(smallest?.faults.length).toBeLessThan(scenario.faults.length)
  }
})

test('says when it does not fail again, and keeps what needs all its faults', async () => {
  expect(await shrink(scenario, async () => false)).toBeNull()
  expect(await shrink(scenario, async ({ faults }) => faults.length === scenario.faults.length)).toBe(scenario)
})

test('a seed is always the same scenario; points alone are nothing but points', () => {
  expect(createScenario(3, { lastsMs: 12_000, withDisk: true })).toEqual(scenario)
  const { faults } = createScenario(3, { lastsMs: 12_000, withDisk: true, points: ['recorded'] })
  expect(faults.every(({ fault }) => fault.kind === 'points' && fault.points.every((point) => point.startsWith('recorded:')))).toBe(true)
})
