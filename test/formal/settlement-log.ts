import type { ChangesBatch } from '../../src/contracts/batch.ts'
import type { Change } from '../../src/contracts/change.ts'
import type { Position } from '../../src/contracts/position.ts'
import { sampleColumn, sampleTable } from '../../src/testing/fixtures.ts'

const T = sampleTable('t', [sampleColumn('id', { kind: 'int32' }, { nullable: false })])
const at = (byte: number) => byte.toString(16).toUpperCase().padStart(16, '0')

/** Where the log begins, and where it ends. */
export const BEGIN = at(0x8)
export const END = at(0x28)

/** One transaction's changes, numbered from 1. */
const PLACES = [
  { commit: at(0x10), ordinal: 0 },
  { commit: at(0x10), ordinal: 1 },
]
export const CHANGES = PLACES.length

const change = (number: number): Change => {
  const { commit, ordinal } = PLACES[number - 1]! // numbered from 1
  const tx = { position: commit, xid: Number.parseInt(commit, 16), commitTimeUs: 0 }
  return { op: 'insert', table: T, before: null, oldKey: null, after: [number], ordinal, tx }
}

export const numberOf = (change: Change) => (change.op === 'insert' ? Number(change.after[0]) : 0)

const batch = (end: Position, numbers: readonly number[], betweenTransactions = true): ChangesBatch => ({
  kind: 'changes',
  log: '',
  end,
  carry: '',
  audience: null,
  changes: numbers.map(change),
  bytes: 1,
  betweenTransactions,
})

/** The same log as it may come: the transaction whole or in two parts. The last batch holds nothing: the log moved on without changes for us. */
const READINGS = {
  whole: [batch(at(0x18), [1, 2]), batch(END, [])],
  parts: [batch(`${at(0x10)}:${'0'.repeat(12)}`, [1], false), batch(at(0x18), [2]), batch(END, [])],
} as const
export type Cut = keyof typeof READINGS

/** What a source gives that reads from `from`: a transaction that ends behind it comes from its beginning. */
export function read(cut: Cut, from: Position): readonly ChangesBatch[] {
  const all = READINGS[cut]
  return all.filter(({ end }) => end > from)
}

/** How many changes, from the first, lie at or before a position. */
export function settledBy(position: Position | null): number {
  if (position === null) return 0
  return PLACES.filter(
    ({ commit, ordinal }) => commit < position && !(position.startsWith(`${commit}:`) && Number.parseInt(position.slice(17), 16) < ordinal),
  ).length
}
