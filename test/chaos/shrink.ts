import type { Scenario } from './scenario.ts'

/** What falls where is chance: a smaller scenario has so many tries to fail. */
const TRIES = 2
const MOST_RUNS = 14

/**
 * The scenario with as few faults as still make it fail, found by leaving out halves, then quarters, then single ones. Null where not even
 * the whole fails again.
 */
export async function shrink(scenario: Scenario, fails: (scenario: Scenario) => Promise<boolean>): Promise<Scenario | null> {
  let runs = 0
  const failsSoon = async (smaller: Scenario) => {
    for (let tries = 0; tries < TRIES && runs < MOST_RUNS; tries++) {
      runs++
      if (await fails(smaller)) return true
    }
    return false
  }
  let smallest: Scenario | null = null
  let faults = scenario.faults
  for (let size = Math.ceil(faults.length / 2); size >= 1 && runs < MOST_RUNS; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < faults.length && runs < MOST_RUNS;) {
      const smaller = { ...scenario, faults: faults.toSpliced(at, size) }
      if (await failsSoon(smaller)) {
        smallest = smaller
        faults = smaller.faults
      } else at += size
    }
  }
  return smallest ?? ((await fails(scenario)) ? scenario : null)
}
