/**
 * Merges chunks into the stream by transaction visibility (docs/specs/snapshots.md). Pure and synchronous: batches of the stream, chunks
 * that were registered, seen and read go in; batches for the sinks come out, in order.
 *
 * Why the sinks end up with the source's rows: a chunk goes out between transactions, when every transaction visible to it has been
 * delivered (the stream has passed `high`). So a row of the chunk is either the newest that the stream ever said of its key, or the
 * stream has delivered a newer change, by a transaction that the chunk does not see; those are remembered, and the row is dropped.
 * What is delivered later is newer than the chunk anyway.
 *
 * A merge lives for one connection of the stream. After a crash of the server an id that a snapshot saw as ended can be used again, by a
 * transaction that this snapshot would then seem to see: so chunks not handed out and all knowledge of visibility end with the merge.
 * What was delivered has used up its ids; that is what `carry` keeps.
 */
import type { Batch, ChangesBatch, ControlBatch } from '../contracts/batch.ts'
import type { Change, RowChange, Transaction, TruncateChange } from '../contracts/change.ts'
import type { Position } from '../contracts/position.ts'
import type { Chunk, ChunkRead, SourceControl, Visibility } from '../contracts/source.ts'
import type { Table } from '../contracts/table.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { addXid, formatCarry, withoutVisible, type Carry, type CarriedKeys, type XidRange } from './carry.ts'
import type { IncompleteKey } from './incomplete.ts'
import { createKeylessMerge, type KeylessCopy, type KeylessMerge } from './merge-keyless.ts'
import { createHoleFinder } from './find-holes.ts'
import { createTableMemory, type TableMemory } from './merge-memory.ts'
import { MERGE_RULES, type MergeRules, type UnderWay } from './merge-rules.ts'
import { createSchemaTrack, hasSameKey } from './merge-schema.ts'
import { rowsBatch, type Place } from './rows-batch.ts'

export type MergeOptions = {
  /** Of the sinks' checkpoints, or what `begin` named. */
  carry: Carry
  rules?: MergeRules
  /** A row with a hole was inserted into a table that nobody follows; it is followed from that change on, and its key is incomplete. */
  onStray?(table: Table): void
  /** Whether an update of the table may be of a row that no sink holds, because transforms leave rows out. Left out: never. */
  mayEnter?(table: Table): boolean
}

export type Merge = {
  /** The stream is read from here. Nothing goes out before. */
  start(position: Position): void
  /** Takes one batch of the stream; yields it, then what can go out after it. */
  accept(batch: ChangesBatch | SourceControl): Iterable<Batch>
  /** What can go out now, without another batch of the stream. */
  due(): Iterable<Batch>
  /** Remembers a table's delivered keys from now on; `inBlocks` false where only single rows are read again. */
  track(table: Table, options: { audience: readonly string[] | null; inBlocks: boolean }): void
  untrack(tableId: number): void
  memory(tableId: number): TableMemory | undefined
  /** What an earlier run left incomplete and `restore` or `abandonInherited` has not taken up; carried on until then. */
  inherited(): readonly CarriedKeys[]
  restore(table: Table, keys: ReadonlyMap<string, IncompleteKey>): void
  abandonInherited(tableId: number): void
  /** Registers a chunk, before its snapshot is asked for. */
  register(options: RegisterOptions): Registration
  /** Keeps back the changes of a table without a key, until its copy is done. */
  holdKeyless(tableId: number): KeylessCopy
  /** A control that goes out before anything else, the next batch of the stream too; `out` is called when it was handed out. */
  control(control: Outgoing, out?: () => void): void
  /** A fresh snapshot of the server: what it sees need not be remembered. */
  learn(visibility: Visibility): void
  /** Transactions delivered and not known visible: no chunk of a table followed from now on may start before they are. */
  carriedXids(): readonly XidRange[]
  /** How the stream describes a table now. */
  describe(tableId: number): Table | undefined
  readonly position: Position
}

/** What the merge does not know of a control: filled in when it goes out. */
export type Outgoing = ControlBatch extends infer Each ? (Each extends ControlBatch ? Omit<Each, 'end' | 'carry' | 'log'> : never) : never

/** `emitted`: handed out. `stale`: the table changed its shape after the chunk was read: read it again. */
export type Outcome = 'emitted' | 'stale'

export type RegisterOptions = {
  chunk: Chunk
  audience: readonly string[] | null
  asked?: readonly string[] | null
  settle(outcome: Outcome): void
}

export type Registration = {
  seen(visibility: Visibility): void
  read(read: ChunkRead): void
  abandon(): void
}

type Entry = RegisterOptions & UnderWay & { done: ChunkRead | null }

export function createMerge({ carry, rules = MERGE_RULES, onStray, mayEnter }: MergeOptions): Merge {
  const memories = new Map<number, TableMemory>()
  const entries = new Set<Entry>()
  const controls: { control: Outgoing; out: (() => void) | undefined }[] = []
  const schema = createSchemaTrack()
  const holes = createHoleFinder()
  let xids: XidRange[] = carry.xids.map((range) => ({ ...range }))
  // What an earlier run left and nobody has taken up yet goes on being carried.
  const inherited = new Map(carry.incomplete.map((keys) => [keys.tableId, keys]))
  let known: Visibility | null = null
  let position = ''
  let log = ''
  let between = false
  let carryText: string | null = null

  const keyless: KeylessMerge = createKeylessMerge()

  const currentCarry = () => {
    const incomplete = [...inherited.values()]
    for (const [id, memory] of memories) {
      const table = schema.current(id)
      const keys = table && memory.incomplete.carried(table)
      if (keys) incomplete.push(keys)
    }
    return formatCarry({ xids, incomplete })
  }
  /** The text is made anew only after something in it changed; incomplete keys change with the changes of their tables. */
  const carryNow = () => (carryText ??= currentCarry())
  const placed = (): Place => ({ log, end: position, carry: carryNow() })

  const noteTransaction = ({ xid }: Transaction) => {
    if (known?.sees(xid)) return
    addXid(xids, xid)
    carryText = null
  }
  const noteChange = (change: Change) => {
    if (change.op === 'message') return
    const memory = memories.get(change.table.id)
    if (memory) {
      carryText = null
      const remembered = rules.remembers(entries.size)
      if (change.op !== 'truncate') memory.change(change, remembered)
      else memory.truncate(change.tx.xid)
    } else if (isEntering(change) && change.table.key.length > 0 && holes.has(change)) noteStray(change)
  }
  const isEntering = (change: RowChange | TruncateChange): change is RowChange & { op: 'insert' | 'update' } =>
    change.op === 'insert' || (change.op === 'update' && mayEnter !== undefined && mayEnter(change.table))
  /** A row that moved into a row filter, with a hole, while nothing is being copied: its table is followed from this very change on. */
  const noteStray = (change: RowChange) => {
    schema.meet(change.table)
    merge.track(change.table, { audience: null, inBlocks: false })
    memories.get(change.table.id)?.change(change, true)
    carryText = null
    onStray?.(change.table)
  }
  const note = (changes: readonly Change[]) => {
    let last: Transaction | null = null
    for (const change of changes) {
      if (change.tx !== last && change.tx !== null) noteTransaction((last = change.tx))
      if (memories.size > 0 || change.op === 'insert' || mayEnter !== undefined) noteChange(change)
    }
  }

  const acceptChanges = (batch: ChangesBatch): Batch => {
    note(batch.changes)
    ;({ end: position, log, betweenTransactions: between } = batch)
    const passed = keyless.pass(batch)
    passed.carry = carryNow()
    return passed
  }
  /** Null where the sinks have been told already, by a chunk. */
  const acceptControl = (control: SourceControl): Batch | null => {
    log = control.log
    // The stream has come as far as what it says of a table: what is placed next must not lie before it.
    if (control.end > position) position = control.end
    if (control.event === 'table-dropped') schema.drop(control.table.id)
    else if (!schema.change(control.table, control.end)) return null
    const { reread: _, ...told } = control
    return { ...told, carry: carryNow() }
  }

  /** The description that rows come with, where the sinks do not know it yet. */
  const announce = (table: Table, high: Position): (ControlBatch & { event: 'schema' }) | null => {
    if (schema.compare(table, high) !== 'chunk') return null
    const previous = schema.adopt(table, high)
    return { ...placed(), kind: 'control', event: 'schema', table, previous, audience: null }
  }
  /** One chunk whose `high` the stream has passed. */
  function* emit(entry: Entry, { rows, high }: ChunkRead): Generator<Batch> {
    const { chunk, audience, asked = null } = entry
    entries.delete(entry)
    if (schema.compare(rows.table, high) === 'stream') return entry.settle('stale')
    const told = announce(rows.table, high)
    if (told) yield told
    // Another key: what was remembered names rows by the old one. The driver, told by this control, begins the table anew.
    if (told?.previous && !hasSameKey(told.previous, rows.table)) return entry.settle('stale')
    const memory = memories.get(rows.table.id)
    if (!memory || !entry.visibility) throw new MillraceError('BUG', { reason: `the chunk ${chunk.id} was read without a snapshot known` })
    const left = memory.rowsToEmit(rows, entry.visibility, { audience, asked })
    carryText = null
    yield rowsBatch(left, { ...placed(), chunk: chunk.id, last: true, audience })
    entry.settle('emitted')
  }

  const merge: Merge = {
    start(from) {
      position = from
      between = true
    },
    *accept(batch) {
      const told = batch.kind === 'changes' ? acceptChanges(batch) : acceptControl(batch)
      if (told) yield told
      yield* merge.due()
    },
    *due() {
      for (let next = controls.shift(); next; next = controls.shift()) {
        // Asked for before a new description was told, it goes out after: a sink must not be taken back to the old one.
        const table = schema.current(next.control.table.id) ?? next.control.table
        yield { ...next.control, table, ...placed() } as ControlBatch
        next.out?.()
      }
      if (!between) return
      for (const entry of entries) if (entry.done && entry.done.high <= position) yield* emit(entry, entry.done)
      yield* keyless.due(position, placed, announce)
    },
    track(table, options) {
      schema.meet(table)
      if (!memories.has(table.id)) memories.set(table.id, createTableMemory({ rules, mayEnter: mayEnter ?? (() => false), ...options }))
    },
    untrack(tableId) {
      memories.delete(tableId)
      carryText = null
    },
    memory: (tableId) => memories.get(tableId),
    inherited: () => [...inherited.values()],
    restore(table, keys) {
      inherited.delete(table.id)
      for (const [key, mark] of keys) memories.get(table.id)?.incomplete.restore(key, mark)
      carryText = null
    },
    abandonInherited(tableId) {
      inherited.delete(tableId)
      carryText = null
    },
    holdKeyless: keyless.hold,
    register(options) {
      // Counted as under way from now on, with the newest snapshot known as its own until it answers: what it may fail to see is kept.
      const entry: Entry = { ...options, visibility: null, base: known, done: null }
      entries.add(entry)
      return {
        seen(visibility) {
          entry.visibility = visibility
          merge.learn(visibility)
        },
        read(read) {
          if (entries.has(entry)) entry.done = read
        },
        abandon: () => void entries.delete(entry),
      }
    },
    control: (control, out) => void controls.push({ control, out }),
    learn(visibility) {
      known = visibility
      xids = withoutVisible(xids, visibility)
      carryText = null
      const underWay = [...entries]
      for (const memory of memories.values()) memory.prune(known, underWay)
    },
    carriedXids: () => xids.map((range) => ({ ...range })),
    describe: (tableId) => schema.current(tableId),
    get position() {
      return position
    },
  }
  return merge
}
