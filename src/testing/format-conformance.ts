import type { Format } from '../contracts/format.ts'
import { keyCases } from './format-key-cases.ts'
import { lineCases } from './format-line-cases.ts'
import { stateCases } from './format-state-cases.ts'
import { valueCases } from './format-value-cases.ts'
import type { ConformanceCase } from './sink-subject.ts'

export type FormatSubject = {
  create(): Format
  /** Takes out of a parsed line what tells a snapshot's row from an insert: operation and place. Left out: not compared. */
  withoutPlace?(line: unknown): unknown
  /** Whether it tells truncates and logical messages too. Left out: not asked. */
  tells?: readonly ('truncate' | 'message')[]
  /** Columns of `everyKindTable` that it leaves out. Left out: those of unknown and of composite types. */
  leavesOut?: readonly string[]
}

export type FormatCase = { title: string; run(subject: FormatSubject): void }

/** What a format must do. Knows no test runner; see `sinkConformance`. */
export function formatConformance(subject: FormatSubject): ConformanceCase[] {
  const cases = [...lineCases(subject), ...stateCases, ...keyCases, ...valueCases]
  return cases.map(({ title, run }) => ({ title, run: async () => run(subject) }))
}
