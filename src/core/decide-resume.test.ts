import { describe, expect, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { decideResume, type Resume, type ResumeFacts, type SinkStanding } from './decide-resume.ts'

const P = (digit: number) => digit.toString(16).toUpperCase().padStart(16, '0')

type Case = {
  title: string
  confirmed?: string | null
  lost?: boolean
  head?: string
  system?: string
  timeline?: number
  /** By timeline. */
  ended?: Record<number, string>
  sinks: Partial<SinkStanding>[]
  remembered?: ResumeFacts['remembered']
  mode?: ResumeFacts['mode']
  expected: Resume | string
}

const followed = { system: 'S', timeline: 1, acknowledged: P(5) }

const cases: Case[] = [
  { title: 'starts at the first start', confirmed: null, sinks: [{}, {}], remembered: null, expected: { act: 'start' } },
  {
    title: 'adopts the slot when it was killed between making it and the first checkpoint',
    confirmed: P(3),
    sinks: [{}],
    remembered: { system: 'S', timeline: 1, acknowledged: null },
    expected: { act: 'adopt', from: P(3) },
  },
  {
    title: 'adopts a slot that somebody made for it',
    confirmed: P(3),
    sinks: [{}],
    remembered: null,
    expected: { act: 'adopt', from: P(3) },
  },
  {
    title: 'starts again when the slot vanished before anything was delivered',
    confirmed: null,
    sinks: [{}],
    remembered: { system: 'S', timeline: 1, acknowledged: null },
    expected: { act: 'start' },
  },
  {
    title: 'continues from the lowest of the sinks',
    confirmed: P(5),
    sinks: [{ position: P(9) }, { position: P(6), reported: P(5) }],
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'continues when the slot is behind: the last acknowledgement never arrived',
    confirmed: P(4),
    sinks: [{ position: P(6), reported: P(6) }],
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'continues inside a transaction that the slot still has whole',
    confirmed: P(6),
    sinks: [{ position: `${P(6)}:00000000000A` }],
    expected: { act: 'continue', from: `${P(6)}:00000000000A` },
  },
  {
    title: 'continues after a failover that everything in files came before',
    confirmed: P(5),
    timeline: 2,
    ended: { 1: P(8) },
    sinks: [{ position: P(6), furthest: `${P(7)}:000000000003` }],
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'stops after a failover before what lies in files past the checkpoint',
    confirmed: P(5),
    timeline: 2,
    ended: { 1: P(7) },
    sinks: [{ position: P(6), furthest: `${P(7)}:000000000003` }],
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'stops after a failover also where files have no checkpoint yet',
    confirmed: P(5),
    timeline: 2,
    ended: { 1: P(7) },
    sinks: [{ furthest: `${P(8)}:000000000003` }],
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'continues at the present position with a sink that was added later',
    confirmed: P(5),
    sinks: [{ position: P(6) }, { position: null }],
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'continues at where a sink began that has no checkpoint yet, though others have',
    confirmed: P(3),
    sinks: [{ position: P(6) }, { began: P(4) }],
    expected: { act: 'continue', from: P(4) },
  },
  {
    title: 'stops when the slot is ahead of where a sink began',
    confirmed: P(5),
    sinks: [{ position: P(6) }, { began: P(4) }],
    expected: 'GAP_SLOT_AHEAD',
  },
  {
    title: 'continues when the state file was lost but the sink has its own position',
    confirmed: P(5),
    sinks: [{ position: P(6) }],
    remembered: null,
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'continues after a failover that kept the slot and all that the sinks hold',
    confirmed: P(5),
    timeline: 2,
    ended: { 1: P(8) },
    sinks: [{ position: P(6) }, { position: P(8) }],
    expected: { act: 'continue', from: P(6) },
  },
  {
    title: 'stops when a sink holds what the new primary never had, though its log is longer by now',
    confirmed: P(5),
    timeline: 3,
    ended: { 1: P(7), 2: P(9) },
    sinks: [{ position: P(6) }, { position: P(8) }],
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'stops inside a transaction of which the new primary lacks the commit',
    timeline: 2,
    ended: { 1: P(6) },
    sinks: [{ position: `${P(6)}:00000000000A` }],
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'stops after a failover of which nobody knows where it happened',
    timeline: 3,
    ended: { 1: P(9) },
    sinks: [{ position: P(6) }],
    remembered: { system: 'S', timeline: 2, acknowledged: P(5) },
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'stops where nothing is copied and a sink began at what the new primary never had',
    timeline: 2,
    ended: { 1: P(5) },
    sinks: [{ began: P(6) }],
    mode: 'stream',
    expected: 'GAP_TIMELINE',
  },
  {
    title: 'copies anew after a failover before the first checkpoint',
    confirmed: P(5),
    timeline: 2,
    ended: { 1: P(4) },
    sinks: [{ began: P(6) }],
    expected: { act: 'adopt', from: P(5) },
  },
  {
    title: 'copies anew when the slot was made again before the first checkpoint',
    confirmed: P(7),
    sinks: [{ began: P(4) }],
    expected: { act: 'adopt', from: P(7) },
  },
  {
    title: 'but stops where nothing is copied',
    confirmed: P(7),
    sinks: [{ began: P(4) }],
    mode: 'stream',
    expected: 'GAP_SLOT_AHEAD',
  },
  {
    title: 'stops when the slot vanished before the first checkpoint and nothing is copied',
    confirmed: null,
    sinks: [{ began: P(4) }],
    mode: 'stream',
    expected: 'GAP_SLOT_MISSING',
  },
  { title: 'stops when the slot is missing', confirmed: null, sinks: [{ position: P(6) }], expected: 'GAP_SLOT_MISSING' },
  { title: 'stops when the slot was lost', lost: true, sinks: [{ position: P(6) }], expected: 'GAP_SLOT_LOST' },
  { title: 'stops when an unused slot was lost', lost: true, sinks: [{}], expected: 'GAP_SLOT_LOST' },
  {
    title: 'stops when the slot was recreated or moved ahead of one sink',
    confirmed: P(7),
    sinks: [{ position: P(8) }, { position: P(6) }],
    expected: 'GAP_SLOT_AHEAD',
  },
  {
    title: 'stops when the slot is ahead of a sink and the state file was lost',
    confirmed: P(7),
    sinks: [{ position: P(6) }],
    remembered: null,
    expected: 'GAP_SLOT_AHEAD',
  },
  { title: 'stops at another system', system: 'T', sinks: [{ position: P(6) }], expected: 'GAP_OTHER_SYSTEM' },
  {
    title: 'stops at another system though it has no slot',
    system: 'T',
    confirmed: null,
    sinks: [{ position: P(6) }],
    expected: 'GAP_OTHER_SYSTEM',
  },
  { title: 'stops at the server from before a failover', timeline: 0, sinks: [{ position: P(6) }], expected: 'GAP_OLD_TIMELINE' },
  { title: 'stops when the log ends before a checkpoint', head: P(7), sinks: [{ position: P(8) }], expected: 'GAP_LOG_BEHIND' },
  {
    title: 'stops when a sink was restored from an older copy',
    sinks: [{ position: P(6), reported: P(8) }],
    expected: 'GAP_SINK_BEHIND',
  },
  { title: 'stops when a sink was emptied', sinks: [{ position: null, reported: P(5) }, { position: P(6) }], expected: 'GAP_SINK_BEHIND' },
]

describe('decideResume', () => {
  test.each(cases)('$title', (each) => {
    expect(outcome(each)).toEqual(each.expected)
  })
})

function outcome(each: Case): Resume | string {
  const confirmed = each.confirmed === undefined ? P(5) : each.confirmed
  try {
    return decideResume({
      log: {
        system: each.system ?? 'S',
        timeline: each.timeline ?? 1,
        ended: Object.entries(each.ended ?? {}).map(([timeline, at]) => ({ timeline: Number(timeline), at })),
        head: each.head ?? P(15),
        reader: confirmed === null ? null : { confirmed, lost: each.lost ?? false, ours: true },
      },
      sinks: each.sinks.map((sink, at) => ({ name: `sink${at}`, position: null, reported: null, began: null, ...sink })),
      remembered: each.remembered === undefined ? followed : each.remembered,
      slotName: 'millrace_shop',
      mode: each.mode ?? 'both',
    })
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error)
  }
}
