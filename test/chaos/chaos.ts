/**
 * `npm run chaos -- [--minutes M] [--seed S] [--seconds N] [--pg 18] [--no-disk] [--points a,b]`: runs of the pipeline under load and faults, one seed after
 * the other, until the time is over or a run fails. A run that fails is told with its seed and what was done to it, and then with as few of its
 * faults as still make it fail.
 */
import { parseArgs } from 'node:util'
import { FAULT_POINTS } from '../../src/lib/fault-point.ts'
import type { PostgresMajor } from '../servers.ts'
import { runScenario } from './run-scenario.ts'
import { createScenario, faultText, type Scenario } from './scenario.ts'
import { shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    seconds: { type: 'string', default: '12' },
    pg: { type: 'string', default: '18' },
    points: { type: 'string' },
    'no-disk': { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    'go-on': { type: 'boolean', default: false },
  },
})
const endMs = Date.now() + Number(values.minutes) * 60_000
const major = Number(values.pg) as PostgresMajor // startPostgres refuses others
const options = {
  lastsMs: Number(values.seconds) * 1000,
  withDisk: !values['no-disk'] && process.getuid?.() === 0,
  points: FAULT_POINTS.filter((point) => values.points?.split(',').includes(point)),
}
// Servers and mounts are gone when the process is.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
let failures = 0
for (let seed = Number(values.seed); Date.now() < endMs; seed++) {
  const scenario = createScenario(seed, options)
  if (await isSound(scenario)) continue
  failures++
  if (!values['no-shrink']) await tellSmallest(scenario)
  if (!values['go-on']) break
}
process.exit(failures > 0 ? 1 : 0)

async function isSound(scenario: Scenario): Promise<boolean> {
  const { faults, lives, transactions, lines, seconds } = await runScenario(scenario, major)
  const counts = `${scenario.faults.length} faults, ${lives} processes, ${transactions} transactions, ${lines} lines, ${seconds.toFixed(0)} s`
  say(`seed ${scenario.seed}: ${faults.length === 0 ? 'sound' : 'FAILED'} (${counts})`)
  for (const fault of faults.slice(0, 12)) say(`  ${fault}`)
  if (faults.length > 0) say(`  the run: --seed ${scenario.seed}, ${scenarioText(scenario)}`)
  return faults.length === 0
}

async function tellSmallest(scenario: Scenario): Promise<void> {
  const smallest = await shrink(scenario, async (smaller) => (await runScenario(smaller, major)).faults.length > 0)
  say(smallest === null ? '  did not fail again' : `  still fails with: ${scenarioText(smallest)}`)
}

function scenarioText({ faults, ...more }: Scenario): string {
  return `${JSON.stringify(more)}\n${faults.map((fault) => `    ${faultText(fault)}`).join('\n')}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
