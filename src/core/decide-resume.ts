import type { Position } from '../contracts/position.ts'
import type { LogState } from '../contracts/source.ts'
import { MillraceError } from '../errors/millrace-error.ts'

/** What one sink holds: by its own record, or by the state store where it keeps none. */
export type SinkStanding = {
  name: string
  position: Position | null
  /** What we had written down that it held durably, before we acknowledged anything on the strength of it. */
  reported: Position | null
  /** Where it was first read for: a sink that holds nothing yet still needs everything from there on. */
  began: Position | null
  /** The furthest that it holds anything of, where that is past `position`. */
  furthest?: Position | null
}

/** What the state store remembers of the log we followed. `acknowledged` is written before it is acknowledged. */
export type RememberedLog = { system: string; timeline: number; acknowledged: Position | null }

export type ResumeFacts = {
  log: LogState
  sinks: readonly SinkStanding[]
  remembered: RememberedLog | null
  slotName: string
  /** A pipeline that only streams has no copy to make up for what it missed before its first checkpoint. */
  mode: 'both' | 'snapshot' | 'stream'
}

/**
 * - `start`: nothing was made nor delivered: make the slot.
 * - `adopt`: the slot is there and no sink holds anything: begin at where the slot stands.
 * - `continue`: read from the lowest checkpoint. A sink that was added now gets its rows by a snapshot of its own.
 */
export type Resume = { act: 'start' } | { act: 'adopt'; from: Position } | { act: 'continue'; from: Position }

/**
 * Whether the log goes on where the sinks left off, or something between is missing; then throws an error that says what.
 *
 * Why nothing is lost where it says `continue` from P, the lowest checkpoint: every sink holds everything up to its own
 * position ≥ P (a sink that holds less than it had reported is refused), the slot has discarded nothing after P
 * (confirmed ≤ P), and it is the log we followed (same system, no older timeline, left no earlier than any sink stands, and reaching at least
 * as far).
 */
export function decideResume(facts: ResumeFacts): Resume {
  assertSameLog(facts)
  assertSinksKept(facts)
  for (const { name, furthest } of facts.sinks) if (furthest) assertOnBranch(facts, name, furthest)
  if (facts.sinks.every((sink) => sink.position === null)) return beginning(facts)
  const needs = facts.sinks.map(({ name, position, began }) => ({ name, from: position ?? began })).filter(isKnown)
  const [first, ...others] = needs.sort((a, b) => (a.from < b.from ? -1 : 1))
  if (first === undefined) return beginning(facts)
  const [lowest, highest] = [first.from, (others.at(-1) ?? first).from]
  const { reader, head } = facts.log
  if (reader === null) throw new MillraceError('GAP_SLOT_MISSING', { slot: facts.slotName, position: lowest })
  if (reader.lost) throw new MillraceError('GAP_SLOT_LOST', { slot: facts.slotName, position: lowest })
  const last = others.at(-1) ?? first
  assertOnBranch(facts, last.name, last.from)
  if (head < highest) throw new MillraceError('GAP_LOG_BEHIND', { head, position: highest })
  if (reader.confirmed > lowest) {
    throw new MillraceError('GAP_SLOT_AHEAD', { slot: facts.slotName, confirmed: reader.confirmed, position: lowest, sink: first.name })
  }
  return { act: 'continue', from: lowest }
}

function isKnown(need: { name: string; from: Position | null }): need is { name: string; from: Position } {
  return need.from !== null
}

function assertSameLog({ log, remembered }: ResumeFacts): void {
  if (remembered === null) return
  if (remembered.system !== log.system) throw new MillraceError('GAP_OTHER_SYSTEM', { found: log.system, expected: remembered.system })
  // A failover raises the timeline; a lower one is the server from before it.
  if (log.timeline < remembered.timeline) {
    throw new MillraceError('GAP_OLD_TIMELINE', { found: log.timeline, expected: remembered.timeline })
  }
}

/**
 * After a failover the log goes on where the new primary had it, and its end may be far past a sink that stands on what the
 * old one alone had: other changes now lie at the positions between.
 */
function assertOnBranch({ log, remembered }: Pick<ResumeFacts, 'log' | 'remembered'>, sink: string, position: Position): void {
  if (remembered === null || log.timeline <= remembered.timeline) return
  const end = log.ended.find(({ timeline }) => timeline === remembered.timeline)?.at
  if (end === undefined || position > end) throw new MillraceError('GAP_TIMELINE', { sink, position, end: end ?? 'an unknown place' })
}

function assertSinksKept({ sinks }: ResumeFacts): void {
  for (const { name, position, reported } of sinks) {
    if (reported !== null && (position === null || position < reported)) {
      throw new MillraceError('GAP_SINK_BEHIND', { sink: name, position: position ?? 'its beginning', acknowledged: reported })
    }
  }
}

/**
 * No sink holds anything, so whatever was acknowledged was acknowledged for sinks that are no longer in the pipeline.
 * Everything is copied from here on, whatever became of the slot; without a copy the log must reach back to where the sinks began.
 */
function beginning({ log, remembered, slotName: slot, mode, sinks }: ResumeFacts): Resume {
  const { reader } = log
  if (reader?.lost) throw new MillraceError('GAP_SLOT_LOST', { slot, position: remembered?.acknowledged ?? reader.confirmed })
  const [first] = sinks.flatMap(({ name, began }) => (began === null ? [] : [{ name, began }])).sort((a, b) => (a.began < b.began ? -1 : 1))
  if (mode === 'stream' && first !== undefined) {
    const { name: sink, began: position } = first
    if (reader === null) throw new MillraceError('GAP_SLOT_MISSING', { slot, position })
    assertOnBranch({ log, remembered }, sink, position)
    if (reader.confirmed > position) throw new MillraceError('GAP_SLOT_AHEAD', { slot, confirmed: reader.confirmed, position, sink })
  }
  return reader === null ? { act: 'start' } : { act: 'adopt', from: reader.confirmed }
}
