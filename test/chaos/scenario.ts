import { FAULT_POINTS, type FaultPoint } from '../../src/lib/fault-point.ts'
import { createRandom, type Random } from '../model/random.ts'

/** What is done, and for how long it lasts, in milliseconds. */
export type Fault =
  | { kind: 'walsender-ended' | 'walsender-killed' | 'cut' }
  /** So long after the process said that it has started; null: whatever it does just then. */
  | { kind: 'kill' | 'terminate'; afterMs: number | null }
  /** As MILLRACE_FAULT has them: one for each process that follows. */
  | { kind: 'points'; points: readonly string[]; afterMs: number | null }
  | { kind: 'frozen'; ms: number; afterMs: number | null }
  | { kind: 'refused' | 'half-open' | 'slow-stdout' | 'slow-http' | 'disk-full' | 'read-only'; ms: number }
  | { kind: 'postgres'; how: 'fast' | 'immediate' | 'kill'; ms: number }
  | { kind: 'delayed'; ms: number; delayMs: number }
  | { kind: 'throttled'; ms: number; bytesPerSecond: number }
  | { kind: 'reset-after'; bytes: number }

export type TimedFault = { atMs: number; fault: Fault }

export type Scenario = {
  seed: number
  faults: readonly TimedFault[]
  /** Of the run until the faults end. */
  lastsMs: number
  rows: number
  writers: number
  batchBytes: number
  chunkBytes: number
  reshapes: boolean
  truncates: boolean
}

/** `points`: nothing but kills at these places. */
export type ScenarioOptions = { lastsMs: number; withDisk: boolean; points?: readonly FaultPoint[] }

/** The same for the same seed; what a run makes of it is up to chance. */
export function createScenario(seed: number, { lastsMs, withDisk, points = [] }: ScenarioOptions): Scenario {
  const random = createRandom(seed)
  const [first, ...others] = points
  const faults: TimedFault[] = []
  for (let atMs = 300 + random.below(1500); atMs < lastsMs; atMs += 300 + random.below(2200))
    faults.push({ atMs, fault: first ? pointsOf(random, [first, ...others]) : faultOf(random, withDisk) })
  return {
    seed,
    faults,
    lastsMs,
    rows: random.pick([500, 1500, 4000]),
    writers: 3,
    batchBytes: random.pick([16_384, 131_072, 8_388_608]),
    chunkBytes: random.pick([65_536, 131_072, 524_288]),
    reshapes: random.chance(0.7),
    truncates: random.chance(0.6),
  }
}

/** One process after the other ends at a place of its own. */
function pointsOf(random: Random, among: readonly [FaultPoint, ...FaultPoint[]]): Fault {
  const one = () => `${random.pick(among)}:${1 + random.below(random.pick([1, 2, 6]))}:${random.chance(0.88) ? 'kill' : 'throw'}`
  return { kind: 'points', points: Array.from({ length: 1 + random.below(3) }, one), afterMs: afterOf(random) }
}

function afterOf(random: Random): number | null {
  return random.chance(0.15) ? null : random.below(random.pick([50, 400, 2500]))
}

function faultOf(random: Random, withDisk: boolean): Fault {
  const dice = random.next()
  const ms = 300 + random.below(1700)
  if (dice < 0.14) return { kind: 'kill', afterMs: afterOf(random) }
  if (dice < 0.18) return { kind: 'terminate', afterMs: afterOf(random) }
  if (dice < 0.5) return pointsOf(random, FAULT_POINTS)
  // Longer than the server waits for a sign of life.
  if (dice < 0.54) return { kind: 'frozen', ms: 2600 + random.below(1500), afterMs: afterOf(random) }
  if (dice < 0.61) return { kind: 'postgres', how: random.pick(['fast', 'immediate', 'kill']), ms }
  if (dice < 0.66) return { kind: 'walsender-ended' }
  if (dice < 0.69) return { kind: 'walsender-killed' }
  if (dice < 0.73) return { kind: 'cut' }
  if (dice < 0.76) return { kind: 'refused', ms }
  if (dice < 0.8) return { kind: 'half-open', ms: ms + 1500 }
  if (dice < 0.83) return { kind: 'delayed', ms, delayMs: 20 + random.below(200) }
  if (dice < 0.86) return { kind: 'throttled', ms, bytesPerSecond: 20_000 + random.below(300_000) }
  if (dice < 0.91) return { kind: 'reset-after', bytes: random.below(200_000) }
  if (dice < 0.94) return { kind: 'slow-stdout', ms }
  if (dice < 0.96) return { kind: 'slow-http', ms }
  if (!withDisk) return { kind: 'kill', afterMs: afterOf(random) }
  return { kind: dice < 0.985 ? 'disk-full' : 'read-only', ms }
}

export function faultText({ atMs, fault }: TimedFault): string {
  const { kind, ...more } = fault
  return `${(atMs / 1000).toFixed(1)} s ${kind}${Object.entries(more)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('')}`
}
