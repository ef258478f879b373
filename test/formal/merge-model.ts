import { chunkRows } from '../model/chunk-rows.ts'
import type { Batch } from '../../src/contracts/batch.ts'
import type { Position } from '../../src/contracts/position.ts'
import { UNCHANGED, type Row } from '../../src/contracts/table.ts'
import { EMPTY_CARRY, eachXid, parseCarry } from '../../src/core/carry.ts'
import { createMerge, type Registration } from '../../src/core/merge.ts'
import { MERGE_RULES, type MergeRules } from '../../src/core/merge-rules.ts'
import { parseSnapshot } from '../../src/sources/postgres/visibility.ts'
import type { Machine } from './explore.ts'
import { applied, changeOf, FIRST_XID, keysOf, positionOf, rowOf, T, type Act, type Rows, type Status } from './merge-server.ts'

export type Scenario = { rows: Rows; acts: readonly Act[]; chunks: readonly (0 | 1)[]; mayCrash: boolean }

/** The decisions of the merge and of those who drive it: the product's, or one of them broken. */
export type ModelRules = {
  merge: MergeRules
  /** Whether the end of the log is asked for after the rows were read; else before the snapshot. */
  highAfterRows: boolean
  /** Whether a restart knows what the checkpoint carried. */
  carries: boolean
  /** Whether a chunk is handed out only behind what it sees. */
  waitsForHigh: boolean
}
export const MODEL_RULES: ModelRules = { merge: MERGE_RULES, highAfterRows: true, carries: true, waitsForHigh: true }

type Transaction = { status: Status; xid: number | null; place: number; inc: number }
/** `text`: as the server prints it. */
type Snapshot = { text: string; rows: Rows }
type Reading = {
  keys: readonly number[] | null
  chunk: 0 | 1 | null
  step: 'registered' | 'seen' | 'read'
  base: string | null
  snapshot: Snapshot | null
  early: Position
}
/** What a sink holds of a key: `inc` 0 where it holds no row; `floor`: the newest version that it ever knew of. */
type Held = Record<string, { inc: number; wide: boolean; floor: number }>

/** What a crash leaves: the server as it is, the sink as it was, and the position up to which it holds everything. */
type Root = { transactions: Transaction[]; logged: number; held: Held; delivered: number; carry: string }

export function firstRoot({ acts }: Scenario): string {
  const transactions = acts.map((): Transaction => ({ status: 'none', xid: null, place: 0, inc: 0 }))
  return JSON.stringify({ transactions, logged: 0, held: {}, delivered: 0, carry: '' } satisfies Root)
}

/**
 * A server, a stream and a copy in chunks. A transaction is in the log before it is visible; chunks are registered, get their snapshot, and are
 * read, each a step; other snapshots are asked for and answered; the stream comes as late as it likes; and all of it in any order.
 */
export function openMergeModel(root: string, scenario: Scenario, rules: ModelRules): Machine {
  const { transactions, held, ...rest } = JSON.parse(root) as Root // written below
  let { logged, delivered, carry } = rest
  const faults: string[] = []
  const forgotten = new Set<number>()
  const carried = rules.carries ? parseCarry(carry) : EMPTY_CARRY
  let looking: string | null = null
  let known: string | null = null
  let waits = [...eachXid(carried.xids)]
  const readings = new Map<string, Reading & { registration: Registration }>()
  const done = new Set<string>()
  let rounds = 0

  const merge = createMerge({
    carry: carried,
    rules: {
      ...rules.merge,
      forgets(xid, ...others) {
        const forgets = rules.merge.forgets(xid, ...others)
        if (forgets) forgotten.add(xid)
        return forgets
      },
    },
  })
  merge.start(positionOf(delivered))
  merge.track(T, { audience: null, inBlocks: true })
  const memory = () => merge.memory(T.id)
  for (const { keys } of merge.inherited())
    merge.restore(T, new Map(keys?.map(({ values }) => [String(values[0]), { row: [values[0] ?? null, null, null], everyone: false }])))

  /** In the order of the log, which is the order of versions for each key. */
  const inLog = () =>
    transactions
      .map((each, index) => ({ ...each, act: scenario.acts[index]! }))
      .filter(({ place }) => place > 0)
      .sort((a, b) => a.place - b.place)
  const rowsBy = (isSeen: (transaction: Transaction) => boolean) =>
    inLog()
      .filter(isSeen)
      .reduce((rows, { act, inc }) => applied(rows, act, inc), scenario.rows)
  const snapshot = (): Snapshot => {
    const xids = transactions.flatMap(({ xid }) => xid ?? [])
    const next = Math.max(FIRST_XID - 1, ...xids) + 1
    const running = transactions.flatMap(({ xid, status }) => (xid === null || status === 'visible' ? [] : xid))
    const text = `${Math.min(next, ...running)}:${next}:${running.join()}`
    return { text, rows: rowsBy(({ status }) => status === 'visible') }
  }

  const hold = (key: number, inc: number, wide: boolean) => {
    const before = held[key]
    if (before !== undefined && inc < before.floor) faults.push(`key ${key} steps back from version ${before.floor} to ${inc}`)
    held[key] = { inc, wide, floor: Math.max(inc, before?.floor ?? 0) }
  }
  const drop = (key: number, inc: number) => {
    held[key] = { inc: 0, wide: false, floor: Math.max(inc, held[key]?.floor ?? 0) }
  }
  const holdRow = ([key, inc, wide]: Row, wideBefore: boolean) => hold(Number(key), Number(inc), wide === UNCHANGED ? wideBefore : true)
  const write = (batch: Batch) => {
    carry = batch.carry
    if (batch.kind === 'rows') for (const row of batch.rows()) holdRow(row, false)
    if (batch.kind !== 'changes') return
    for (const change of batch.changes) {
      const { inc } = inLog()[delivered - 1]! // the transaction just delivered
      if (change.op === 'truncate') for (const key of Object.keys(held)) drop(Number(key), inc)
      else if (change.op === 'delete') drop(Number(change.before[0]), inc)
      else if (change.op !== 'message') {
        const oldKey = change.op === 'update' && change.oldKey ? Number(change.oldKey[0]) : Number(change.after[0])
        const wideBefore = held[oldKey]?.wide ?? false
        if (oldKey !== Number(change.after[0])) drop(oldKey, inc)
        holdRow(change.after, wideBefore)
      }
    }
  }
  const writeAll = (batches: Iterable<Batch>) => {
    for (const batch of batches) write(batch)
  }

  const names = () => scenario.chunks.map((chunk) => `chunk ${chunk}`)
  const isCopied = () => names().every((name) => done.has(name))
  const marked = () => [...(memory()?.incomplete.keys.values() ?? [])].map(({ row }) => Number(row[0]))
  const readingActions = (name: string): string[] => {
    const reading = readings.get(name)
    if (reading?.step === 'read' || done.has(name)) return []
    return [reading === undefined ? `register ${name}` : reading.step === 'registered' ? `see ${name}` : `read ${name}`]
  }
  const canBegin = (index: number) => {
    const keys = keysOf(scenario.acts[index]!) // of the same length
    return scenario.acts
      .slice(0, index)
      .every((act, at) => transactions[at]?.status === 'visible' || !keysOf(act).some((key) => keys.includes(key)))
  }
  const transactionAction = ({ status }: Transaction, index: number): string[] => {
    if (status === 'none') return canBegin(index) ? [`begin ${index}`] : []
    return status === 'running' ? [`commit ${index}`] : status === 'logged' ? [`show ${index}`] : []
  }
  const actions = () => {
    // What an earlier run delivered and nobody remembers must be visible before anything is read (snapshot-waits.ts).
    const isHeldUp = waits.length > 0
    const again = isCopied() && !readings.has('again') && marked().length > 0 && rules.merge.rereads(rounds) ? ['register again'] : []
    const copy = isHeldUp ? [] : [...names(), ...(readings.has('again') ? ['again'] : [])].flatMap(readingActions)
    // The same answer again says nothing new.
    const look = looking !== null ? ['learn'] : snapshot().text === known ? [] : ['look']
    const moving = [
      ...transactions.flatMap(transactionAction),
      ...(delivered < logged ? ['deliver'] : []),
      ...copy,
      ...(isHeldUp ? [] : again),
    ]
    return moving.length > 0 || isHeldUp || looking !== null ? [...moving, ...look] : moving
  }

  const register = (name: string) => {
    const keys = name === 'again' ? marked() : null
    const chunk = name === 'again' ? null : (Number(name.slice(-1)) as 0 | 1) // of `names`
    const registration = merge.register({
      chunk: { id: `public.t/g/${name}`, table: T, leaf: 'public.t', predicate: null, rowEstimate: 0 },
      audience: null,
      asked: keys?.map(String) ?? null,
      settle() {
        readings.delete(name)
        if (name === 'again') rounds++
        else done.add(name)
        if (isCopied()) memory()?.incomplete.endOfBlocks()
      },
    })
    readings.set(name, {
      registration,
      keys,
      chunk,
      step: 'registered',
      base: known,
      snapshot: null,
      early: rules.highAfterRows ? '' : positionOf(logged),
    })
  }
  const see = (reading: Reading & { registration: Registration }) => {
    reading.snapshot = snapshot()
    reading.step = 'seen'
    known = reading.snapshot.text
    reading.registration.seen(parseSnapshot(known))
  }
  const readRows = (reading: Reading & { registration: Registration }) => {
    const { keys, chunk, snapshot: seen, registration } = reading
    const isAsked = ([key, stored]: [string, Rows[string]]) => (keys ? keys.includes(Number(key)) : stored.chunk === chunk)
    const rows = Object.entries(seen?.rows ?? {}).filter(isAsked)
    const high = rules.highAfterRows ? positionOf(logged) : reading.early
    reading.step = 'read'
    registration.read({
      rows: chunkRows(
        T,
        rows.map(([key, stored]) => rowOf(Number(key), stored)),
      ),
      high: rules.waitsForHigh ? high : '',
    })
    writeAll(merge.due())
  }
  const deliver = () => {
    const { act, xid, place, inc } = inLog()[delivered++]! // offered only where there is one
    const existed = act.op !== 'clear' && rowsBy((each) => each.place < place)[act.key] !== undefined
    const change = changeOf(act, { xid: xid ?? 0, place, inc, existed })
    const batch = {
      kind: 'changes',
      log: '',
      end: positionOf(place),
      carry: '',
      audience: null,
      changes: [change],
      bytes: 1,
      betweenTransactions: true,
    } as const
    writeAll(merge.accept(batch))
  }
  const move = (name: string, index: number) => {
    const transaction = transactions[index]! // named by its index
    if (name === 'begin') {
      transaction.xid = Math.max(FIRST_XID - 1, ...transactions.flatMap(({ xid }) => xid ?? [])) + 1
      transaction.status = 'running'
    } else if (name === 'commit') {
      transaction.status = 'logged'
      transaction.place = ++logged
      transaction.inc = 1 + logged
    } else transaction.status = 'visible'
  }

  return {
    actions,
    take(action) {
      const [verb = '', ...words] = action.split(' ')
      const name = words.join(' ')
      const reading = readings.get(name)
      if (action === 'deliver') deliver()
      else if (action === 'look') looking = snapshot().text
      else if (action === 'learn' && looking !== null) {
        known = looking
        looking = null
        merge.learn(parseSnapshot(known))
        const visibility = parseSnapshot(known)
        waits = waits.filter((xid) => !visibility.sees(xid))
      } else if (verb === 'register') register(name)
      else if (verb === 'see' && reading) see(reading)
      else if (verb === 'read' && reading) readRows(reading)
      else move(verb, Number(name))
    },
    // Every batch is durable as it is written. What was copied is read again: that is allowed, and the harder case.
    crashes: (): Record<string, string> =>
      scenario.mayCrash ? { crash: JSON.stringify({ transactions, logged, held, delivered, carry } satisfies Root) } : {},
    key: () =>
      JSON.stringify([
        transactions,
        logged,
        delivered,
        held,
        [...readings].map(([name, { registration: _, ...reading }]) => [name, reading]),
        [...done],
        [...forgotten].sort(),
        looking,
        known,
        waits,
        merge.carriedXids(),
        marked(),
        rounds > 1 ? 2 : rounds,
      ]),
    fault() {
      const [first] = faults
      if (first !== undefined) return first
      if (actions().length > 0) return null
      const source = rowsBy(() => true)
      const wanted = Object.entries(source).map(([key, { inc }]) => `${key}: version ${inc}, whole`)
      const found = Object.entries(held)
        .filter(([, { inc }]) => inc > 0)
        .map(([key, { inc, wide }]) => `${key}: version ${inc}, ${wide ? 'whole' : 'with a hole'}`)
      return wanted.sort().join() === found.sort().join()
        ? null
        : `ends with ${found.join() || 'nothing'} where the source holds ${wanted.join() || 'nothing'}`
    },
  }
}
