import type { ChangesBatch } from '../../src/contracts/batch.ts'
import type { Position } from '../../src/contracts/position.ts'
import type { Sink, SinkRecord } from '../../src/contracts/sink.ts'
import type { StateStore } from '../../src/contracts/state-store.ts'
import { decideResume } from '../../src/core/decide-resume.ts'
import { createLaneFilter, type LaneFilter } from '../../src/core/lane-filter.ts'
import type { Lane } from '../../src/core/lane.ts'
import type { Run } from '../../src/core/pipeline.ts'
import { openSinks, recall, recordAcknowledged, rememberBegan, rememberLog, standingOf } from '../../src/core/run-resume.ts'
import { createSettlement, lowestDurable, type Settlement } from '../../src/core/settle.ts'
import type { Machine } from './explore.ts'
import { BEGIN, CHANGES, END, numberOf, read, settledBy, type Cut } from './settlement-log.ts'

/** The decisions of the protocol: the product's, or one of them broken. */
export type SettlementRules = {
  /** What a lane calls durable. */
  durable(lane: ModelLane): Position | null
  /** What of the sinks' durable positions is settled. */
  durables(lanes: readonly ModelLane[], durable: (lane: ModelLane) => Position | null): readonly (Position | null)[]
  record(state: StateStore, lanes: readonly ModelLane[], position: Position | null): Promise<void>
  filter(name: string, record: SinkRecord | null): LaneFilter
  resume: typeof decideResume
}

export const SETTLEMENT_RULES: SettlementRules = {
  durable: (lane) => lane.durable,
  durables: (lanes, durable) => lanes.map(durable),
  // It asks of a lane what a ModelLane has.
  record: (state, lanes, position) => recordAcknowledged(state, { lanes: lanes as unknown as Lane[], sinks: [] }, position),
  filter: createLaneFilter,
  resume: decideResume,
}

/** What survives a crash of everything: the sinks' data, the state store, the slot. `held`: how many changes, from the first. */
type Disk = {
  exact: { held: number; record: SinkRecord | null }
  repeating: { held: number }
  facts: Record<string, unknown>
  checkpoint: SinkRecord | null
  confirmed: Position
  cut: Cut
}

/** `exact` keeps its record with its data, in one act; `repeating` keeps none: its checkpoint is saved in the state store. */
type Name = 'exact' | 'repeating'

/** One sink's way: what was given, what of it is with the sink, what of that is flushed. */
export type ModelLane = {
  name: Name
  filter: LaneFilter
  next: number
  written: { position: Position; held: Position | null; changes: number[] } | null
  durable: Position | null
  held: Position | null
  unsaved: SinkRecord | null
  readonly hasUnsaved: boolean
  takeUnsaved(): SinkRecord | null
}

const EMPTY: Disk = {
  exact: { held: 0, record: null },
  repeating: { held: 0 },
  facts: {},
  checkpoint: null,
  confirmed: BEGIN,
  cut: 'parts',
}
export const FIRST_DISK = JSON.stringify(EMPTY)

/**
 * Two sinks, a state store, a slot. Every step of each is one of its own: given to the sink, made durable there, written in the state
 * store, the pause of the settlement; and a crash between any two. To be durable and to be told so
 * is one step: a crash between the two leaves what a crash after both leaves, as the telling changes nothing that survives.
 */
export async function openSettlementModel(root: string, rules: SettlementRules): Promise<Machine> {
  const disk = JSON.parse(root) as Disk // written below
  const faults: string[] = []
  const waiting: { apply(): void; done(): void; text: string }[] = []
  let pause: (() => void) | null = null
  let acknowledged: Position | null = null
  let recording = ''
  let isOpening = true
  let isIdle = false

  const write = (text: string, apply: () => void) =>
    new Promise<void>((done) => {
      if (!isOpening) return void waiting.push({ apply, done, text })
      apply()
      done()
    })
  const state = {
    get: async (key: string) => disk.facts[key] ?? null,
    set: (facts: Record<string, unknown>) => write(JSON.stringify(facts), () => Object.assign(disk.facts, facts)),
    sink: (name: string) => ({
      load: async () => (name === 'repeating' ? disk.checkpoint : null),
      save: (step: SinkRecord) => write(JSON.stringify(step), () => (disk.checkpoint = { ...step, chunks: [] })),
    }),
  } as unknown as StateStore // what recall, openSinks and recordAcknowledged ask for

  const part = (name: Name) => ({
    name,
    keepsRecord: name === 'exact',
    open: async () => ({ resume: async () => (name === 'exact' ? disk.exact.record : null) }) as Sink, // resume is all that is called
  })
  const run = { deadLetters: null, guards: new Map(), options: { state } } as unknown as Run // what openSinks asks for
  const reports = { durable() {}, failed() {} }
  const memory = await recall(state)
  const sinks = await openSinks([part('exact'), part('repeating')], { run, memory, reports })
  const log = { system: 'S', timeline: 1, ended: [], head: END, reader: { confirmed: disk.confirmed, lost: false, ours: true } }
  let from = disk.confirmed
  try {
    const resume = rules.resume({ log, sinks: sinks.map(standingOf), remembered: memory.log, slotName: 's', mode: 'stream' })
    if (resume.act !== 'start') from = resume.from
    await rememberLog(state, log)
    await rememberBegan(state, sinks, from)
  } catch (error) {
    faults.push(`refused to go on: ${String(error)}`)
  }
  isOpening = false
  // The server gives nothing from before what was confirmed to it.
  const batches = read(disk.cut, from < disk.confirmed ? disk.confirmed : from)

  const lanes = sinks.map(({ name, record, held }): ModelLane => ({
    name: name as Name, // of the two parts
    filter: rules.filter(name, record),
    next: 0,
    written: null,
    durable: record?.position ?? null,
    held,
    unsaved: null,
    get hasUnsaved() {
      return this.unsaved !== null
    },
    takeUnsaved() {
      const taken = this.unsaved
      this.unsaved = null
      return taken
    },
  }))

  const settlement: Settlement = createSettlement({
    durables: () => rules.durables(lanes, rules.durable),
    hasUnsaved: () => lanes.some((lane) => lane.hasUnsaved),
    async record(position) {
      recording = JSON.stringify([position, lanes.map(({ held, durable }) => [held, durable])])
      await rules.record(state, lanes, position)
      recording = ''
    },
    acknowledge(position) {
      judge(position)
      acknowledged = position
    },
    failed: (error) => void faults.push(`the settlement failed: ${String(error)}`),
    clock: { now: () => 0, sleep: () => new Promise((resolve) => (pause = resolve)) },
    signal: new AbortController().signal,
  })

  /** The promise: what is acknowledged is durable everywhere, and recorded. */
  const judge = (position: Position) => {
    const needed = settledBy(position)
    if (disk.exact.held < needed || disk.repeating.held < needed)
      faults.push(`acknowledged ${position}, which not every sink holds durably`)
    const recorded = (disk.facts.acknowledged as { position: Position } | undefined)?.position ?? ''
    if (recorded < position) faults.push(`acknowledged ${position}, which is not recorded`)
  }

  const give = (lane: ModelLane, batch: ChangesBatch) => {
    const parts = lane.filter(batch)
    lane.next++
    for (const { end, ...rest } of parts) {
      const numbers = rest.kind === 'changes' ? rest.changes.map(numberOf) : []
      const before = lane.written ?? { held: null, changes: [] }
      lane.written = { position: end, held: numbers.length > 0 ? end : before.held, changes: [...before.changes, ...numbers] }
    }
  }

  /** Makes durable what a sink was given: with its record in the same act, or at once and the checkpoint later. */
  const store = (lane: ModelLane) => {
    const { written } = lane
    if (written === null) return
    for (const number of written.changes) {
      const { held } = disk[lane.name]
      if (number > held + 1) faults.push(`${lane.name} got change ${number} after ${held}: one is missing`)
      if (number <= held && lane.name === 'exact') faults.push(`exact got change ${number} twice`)
      disk[lane.name].held = Math.max(held, number)
    }
    // A sink may take no note of a batch that holds nothing.
    if (lane.name === 'exact' && written.held !== null) disk.exact.record = { position: written.held, carry: '', chunks: [] }
  }

  const tell = (lane: ModelLane) => {
    const { written } = lane
    if (written === null) return
    if (lane.name === 'repeating') lane.unsaved = { position: written.position, carry: '', chunks: [] }
    if (written.held !== null) lane.held = written.held
    lane.durable = written.position
    lane.written = null
    settlement.moved()
  }

  const laneActions = (lane: ModelLane): string[] => {
    const gives = lane.next < batches.length ? [`write ${lane.name}`] : []
    return lane.written ? [...gives, `flush ${lane.name}`] : gives
  }
  const actions = () => {
    const all = [...lanes.flatMap(laneActions), ...(waiting.length > 0 ? ['store'] : []), ...(pause ? ['pause over'] : [])]
    // The log moves on without changes for anybody: a lane tells the settlement so (lane.ts, #passEmpty).
    return all.length === 0 && !isIdle ? ['idle'] : all
  }

  /**
   * What was given to a sink without a record of its own may be there all the same; the last acknowledgement has arrived at the server or
   * has not; and the log may come cut otherwise the next time.
   */
  const crashes = () => {
    const given = lanes.flatMap(({ name, written }) => (name === 'exact' || !written ? [] : written.changes))
    const left = (change: Partial<Disk>) => JSON.stringify({ ...disk, ...change })
    return {
      'crash, unconfirmed': left({ cut: 'whole' }),
      crash: left({ cut: 'whole', confirmed: acknowledged ?? disk.confirmed }),
      'crash, cut': left({ cut: 'parts', confirmed: acknowledged ?? disk.confirmed }),
      'crash after the write': left({ cut: 'whole', repeating: { held: Math.max(disk.repeating.held, ...given) } }),
    }
  }

  const act = (action: string): void => {
    const lane = lanes.find(({ name }) => action.endsWith(` ${name}`))
    if (action === 'idle') {
      isIdle = true
      settlement.moved()
    } else if (action === 'pause over') {
      pause?.()
      pause = null
    } else if (action === 'store') {
      const [first] = waiting.splice(0, 1)
      first?.apply()
      first?.done()
    } else if (lane && action.startsWith('write')) give(lane, batches[lane.next]!) // offered only where there is one
    else if (lane) {
      store(lane)
      tell(lane)
    }
  }

  const laneKey = ({ next, written, durable, held, unsaved }: ModelLane) => [next, written, durable, held, unsaved]
  return {
    actions,
    async take(action) {
      act(action)
      if (action.startsWith('write')) return
      // The settlement goes on in microtasks, as far as it can without another step.
      for (let turn = 0; turn < 12; turn++) await Promise.resolve()
    },
    crashes,
    key: () =>
      JSON.stringify([
        disk,
        lanes.map(laneKey),
        sinks.map(({ record }) => record),
        batches.length,
        waiting.map(({ text }) => text),
        recording,
        pause !== null,
        isIdle,
        acknowledged,
      ]),
    fault() {
      const [first] = faults
      if (first !== undefined) return first
      if (actions().length > 0) return null
      const isWhole = disk.exact.held === CHANGES && disk.repeating.held === CHANGES
      const isSettled = lowestDurable(lanes.map(({ durable }) => durable)) === END && acknowledged === END
      return isWhole && isSettled ? null : 'stands still before its end'
    },
  }
}
