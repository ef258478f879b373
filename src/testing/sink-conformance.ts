import { onBench, signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'
import { crashCases } from './sink-crash-cases.ts'
import { faultCases } from './sink-fault-cases.ts'
import { lateCases } from './sink-late-cases.ts'
import { messageCases } from './sink-message-cases.ts'
import { readCases } from './sink-read-cases.ts'
import { recordCases } from './sink-record-cases.ts'
import { inImages, SCENARIOS, type Scenario } from './sink-scenarios.ts'
import type { ConformanceCase, SinkSubject } from './sink-subject.ts'

export type { ConformanceCase, Disturbance, PlaceFault, ReadMessage, SinkPlace, SinkSubject } from './sink-subject.ts'

/**
 * What a sink must do, given what it says it can. Knows no test runner:
 * `for (const { title, run } of sinkConformance(subject)) test(title, run)`.
 */
export function sinkConformance(subject: SinkSubject): ConformanceCase[] {
  const { capabilities } = subject
  const scenarios = SCENARIOS.filter(({ needs }) => needs === undefined || needs(capabilities))
  const cases: BenchCase[] = [
    ...scenarios.map((scenario) => ({ title: scenario.title, run: playing(() => scenario) })),
    ...scenarios.map((scenario) => ({ title: `${scenario.title}, rows as bytes`, run: playing(() => asBytes(scenario)) })),
    ...(capabilities.delivery === 'exactly-once' ? recordCases : []),
    ...crashCases(capabilities, scenarios),
    ...lateCases(capabilities),
    ...faultCases,
    ...(capabilities.shape === 'changes' ? messageCases : []),
    ...(capabilities.readable ? readCases : []),
    { title: 'is durable after a flush with nothing to do', run: flushesNothing },
  ]
  return cases.map((each) => ({ title: each.title, run: () => onBench(subject, each) }))
}

/** The same, from a source that keeps rows in the bytes they came in. */
function asBytes(scenario: Scenario): Scenario {
  return { ...scenario, batches: scenario.batches.map(inImages) }
}

/** What is played is made when it is: most cases of a list are only named. */
function playing(make: () => Scenario): (bench: Bench) => Promise<void> {
  return async ({ open, expectHolds }) => {
    const { batches, tables } = make()
    const { sink } = await open()
    await writeAll(sink, batches)
    await sink.flush(signal)
    await sink[Symbol.asyncDispose]()
    await expectHolds(batches, tables)
  }
}

async function flushesNothing({ open }: Bench): Promise<void> {
  const { sink } = await open()
  await sink.flush(signal)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
}
