/** A few runs of the fault harness with seeds that do not change; `npm run chaos` takes others, for as long as it is told. */
import { afterAll, expect, test } from 'vitest'
import { testedMajors } from '../servers.ts'
import { runScenario } from './run-scenario.ts'
import { createScenario, faultText } from './scenario.ts'

const SEEDS = [1, 2, 3, 4, 5]
const LASTS_MS = 12_000

let lives = 0

test.each(SEEDS)('seed %i: nothing is lost, nothing twice, nothing stuck', { timeout: 400_000 }, async (seed) => {
  const majors = testedMajors()
  const scenario = createScenario(seed, { lastsMs: LASTS_MS, withDisk: process.getuid?.() === 0 })
  const outcome = await runScenario(scenario, majors[seed % majors.length] ?? 18)
  expect(outcome.faults, `npm run chaos -- --seed ${seed}\n${scenario.faults.map(faultText).join('\n')}`).toEqual([])
  lives += outcome.lives
})

// It would show nothing if no process had ended before its time.
afterAll(() => expect(lives).toBeGreaterThan(SEEDS.length * 2))
