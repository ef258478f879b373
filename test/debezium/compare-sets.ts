import type { Batch } from '../../src/contracts/batch.ts'
import type { DebeziumProperties, DebeziumRecord } from '../servers/debezium.ts'
import { compareRecords, describe, explain, parseRecord, type Difference, type KnownDifference } from './compare.ts'
import { messagesWith } from './read-both.ts'

export type Comparison = {
  type: 'debezium' | 'debezium-flat'
  sets: Record<string, DebeziumProperties>
  read: { batches: readonly Batch[]; debezium: Record<string, DebeziumRecord[]> }
  known: readonly KnownDifference[]
  major: number
}

/** Every set of properties given to both: what no known reason explains, a line each, and the reasons for which there was nothing. */
export async function compareSets({
  type,
  sets,
  read,
  known,
  major,
}: Comparison): Promise<{ unexplained: string[]; unused: string[]; records: number }> {
  const differences: (Difference & { set: string })[] = []
  let records = 0
  for (const [set, properties] of Object.entries(sets)) {
    const ours = await messagesWith({ type, ...SAME, ...properties }, read.batches)
    const theirs = (read.debezium[set] ?? []).map(parseRecord)
    records += theirs.length
    for (const difference of compareRecords(theirs, ours.map(parseRecord))) differences.push({ ...difference, set })
  }
  const { unexplained, unused } = explain(
    differences,
    known.filter(({ since = 0, until = major }) => since <= major && major <= until),
  )
  return { unexplained: [...new Set(unexplained.map((each) => `${each.set}: ${describe(each)}`))], unused, records }
}

/** As Debezium is where nothing is said. */
export const SAME = { 'topic.prefix': 'srv', 'event.converting.failure.handling.mode': 'warn' }
