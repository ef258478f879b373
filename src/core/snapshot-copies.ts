import { tableName, type Row, type Table } from '../contracts/table.ts'
import { toMillraceError } from '../errors/millrace-error.ts'
import { createDeferred, type Deferred } from '../lib/deferred.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { createKeyOf } from '../values/create-key-of.ts'
import { addXid, type CarriedKeys, type XidRange } from './carry.ts'
import type { IncompleteKey } from './incomplete.ts'
import type { KeylessCopy } from './merge-keyless.ts'
import { audienceOf, type SnapshotContext } from './snapshot-context.ts'
import { copyKeyless } from './snapshot-keyless.ts'
import { completeKeys } from './snapshot-keys.ts'
import { chunkId, decideCopy, newPlan, type Plan } from './snapshot-plan.ts'
import { beginGeneration, copyTable } from './snapshot-table.ts'

/** The copies under way: one a table at most. */
export type Copies = {
  add(tables: readonly Table[]): Promise<void>
  /** In place of `add` where nothing is copied: keeps what was copied in part from being taken for whole later. */
  pass(tables: readonly Table[]): Promise<void>
  remove(tables: readonly Table[]): Promise<void>
  reread(table: Table, audience: readonly string[] | null): Promise<void>
  /** Reads rows again as if they had been delivered with holes. */
  rereadKeys(table: Table, rows: readonly Row[]): void
  /** Reads the incomplete keys of a table that is not being copied. */
  complete(table: Table): void
  /** What ended a copy for good, null while all goes well. */
  failure(): unknown
  idle(): Promise<void>
  isBusy(): boolean
  close(): Promise<void>
}

type Copy = {
  table: Table
  sinks: readonly string[]
  ready: Promise<void>
  hold: KeylessCopy | null
  stop: AbortController
  over: Promise<void>
}
/** `isYoung`: no chunk of the generation was delivered yet. */
type Start = { table: Table; plan: Plan; sinks: readonly string[]; isYoung: boolean }

export function createCopies(context: SnapshotContext, { isSlotNew }: { isSlotNew: boolean }): Copies {
  const { merge, plans, source } = context
  const known = new Map<number, Table>()
  const copies = new Map<number, Copy>()
  const stopping = new Set<Promise<void>>()
  let idle: Deferred<void> | null = null
  let failure: unknown = null
  let isFirst = true

  const fail = (error: unknown) => {
    failure ??= toMillraceError(error)
    idle?.reject(failure)
    context.wake()
  }
  const settleIdle = () => {
    if (copies.size > 0) return
    idle?.resolve()
    idle = null
  }

  /** Follows a table in the merge, and runs its copy until its end. */
  const run = (table: Table, rest: Pick<Copy, 'sinks' | 'ready' | 'hold'>, act: (signal: AbortSignal) => Promise<void>) => {
    const stop = new AbortController()
    // A ready that fails is met by the copy that awaits it.
    rest.ready.catch(() => undefined)
    const copy: Copy = { table, ...rest, stop, over: Promise.resolve() }
    copies.set(table.id, copy)
    copy.over = act(stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) fail(error)
      })
      .then(() => {
        if (copies.get(table.id) !== copy) return
        copies.delete(table.id)
        if (!stop.signal.aborted && failure === null) leave(table)
        settleIdle()
      })
  }
  /** Only an insert can have brought a hole since the copy found none left: it is filled before the table is left alone. */
  const leave = (table: Table) => {
    const left = [...(merge.memory(table.id)?.incomplete.keys.values() ?? [])]
    if (left.some((mark) => mark.everyone)) complete(table)
    else merge.untrack(table.id)
  }
  const stop = (id: number) => {
    const copy = copies.get(id)
    if (!copy) return null
    copy.stop.abort(new Error('the copy was stopped'))
    copies.delete(id)
    stopping.add(copy.over)
    void copy.over.then(() => stopping.delete(copy.over))
    return copy
  }

  const complete = (table: Table) => {
    if (copies.has(table.id)) return
    const ready = visible([table], merge.carriedXids(), false)
    const sinks = context.sinks.map((sink) => sink.name)
    const request = { table, generation: 'holes', sinks, rank: 0 }
    run(table, { sinks, ready, hold: null }, (signal) => orAborted(ready, signal).then(() => completeKeys(context, request, signal)))
  }
  /** Everything delivered until now, and where asked everything running now, is visible. */
  const visible = async (tables: readonly Table[], carried: readonly XidRange[], isRunningAsked: boolean) => {
    const xids = [...carried]
    if (isRunningAsked) for (const xid of await orAborted(source.snapshots.running(), closing.signal)) addXid(xids, xid)
    const name = tables.map(tableName).join(', ')
    await context.waits.visible(xids, (holders) => context.progress({ event: 'waiting', table: name, holders }), closing.signal)
  }
  const closing = new AbortController()

  /** From here on nothing of these tables passes unremembered; what was delivered before is waited for. */
  const start = (starts: readonly Start[], isRunningAsked: boolean, before: Copy | null = null) => {
    for (const { table, sinks, plan } of starts) {
      if (table.key.length > 0) {
        if (before) merge.untrack(table.id)
        merge.track(table, { audience: audienceOf(context, sinks), inBlocks: true })
      }
      beginGeneration(context, { table, plan, sinks })
    }
    const carried = merge.carriedXids()
    const tables = starts.map(({ table }) => table)
    const ready = Promise.all([before?.ready, visible(tables, carried, isRunningAsked)]).then(() => undefined)
    for (const { table, plan, sinks } of starts) {
      if (table.key.length > 0) {
        run(table, { sinks, ready, hold: null }, (signal) => copyTable(context, { table, plan, sinks, ready }, signal))
        continue
      }
      const hold = before?.hold ?? merge.holdKeyless(table.id)
      if (before?.hold) hold.restart()
      run(table, { sinks, ready, hold }, (signal) => copyKeyless(context, { table, plan, sinks, ready, hold }, signal))
    }
  }

  const inheritedOf = (table: Table) => {
    const inherited = merge.inherited().find((keys) => keys.tableId === table.id)
    // Too many keys to carry, or keys of another shape of the table: all of it is read again, for all.
    return { inherited, isLost: inherited !== undefined && (inherited.keys === null || inherited.version !== table.version) }
  }
  const completeInherited = (table: Table, inherited: CarriedKeys) => {
    merge.track(table, { audience: null, inBlocks: false })
    merge.restore(table, incompleteOf(table, inherited))
    complete(table)
  }
  const decide = async (table: Table): Promise<Start | null> => {
    const past = await plans.load(table)
    const decision = decideCopy(table, past, context.sinks)
    const { inherited, isLost } = inheritedOf(table)
    if (decision.act === 'resume' && !isLost) {
      merge.track(table, { audience: audienceOf(context, decision.sinks), inBlocks: true })
      if (inherited) merge.restore(table, incompleteOf(table, inherited))
      return { table, plan: decision.plan, sinks: decision.sinks, isYoung: !isBegun(table, decision.plan) }
    }
    if (decision.act === 'none' && !isLost) {
      if (inherited) completeInherited(table, inherited)
      return null
    }
    const sinks = decision.act === 'anew' && !isLost ? decision.sinks : context.sinks.map((sink) => sink.name)
    const made = newPlan(table, past, sinks, context.sinks)
    await plans.save(table, made)
    const audience = audienceOf(context, sinks)
    if (!inherited || audience === null) merge.abandonInherited(table.id)
    else {
      // Those that hold the table hold it with these holes: the copy of the others does not reach them.
      merge.track(table, { audience, inBlocks: true })
      merge.restore(table, forEveryone(incompleteOf(table, inherited)))
    }
    return { table, plan: made, sinks, isYoung: true }
  }
  /** A chunk was delivered, so the wait before the first one was over. */
  const isBegun = (table: Table, plan: Plan) => {
    const prefix = chunkId(table, plan, '')
    return context.sinks.some((sink) => [...sink.chunks].some((id) => id.startsWith(prefix)))
  }

  return {
    async add(tables) {
      const isJoining = !isFirst || !isSlotNew
      isFirst = false
      const starts: Start[] = []
      for (const table of tables) {
        if (known.has(table.id)) continue
        known.set(table.id, table)
        const made = await decide(table)
        if (made) starts.push(made)
      }
      if (starts.length > 0) start(starts, isJoining && starts.some((each) => each.isYoung))
    },
    /**
     * Rows that move while nobody follows the table come with holes that nobody notes: a copy begun is not resumed after this, but begun
     * anew. Holes known of already move with their rows: they are followed, and filled, as those of an insert are.
     */
    async pass(tables) {
      for (const table of tables) {
        const past = await plans.load(table)
        const decision = decideCopy(table, past, context.sinks)
        if (decision.act === 'resume') {
          const plan = newPlan(table, past, decision.plan.sinks, context.sinks)
          await plans.save(table, { ...plan, fresh: false })
        }
        const { inherited, isLost } = inheritedOf(table)
        if (inherited && !isLost) completeInherited(table, inherited)
      }
    },
    async remove(tables) {
      for (const table of tables) {
        known.delete(table.id)
        stop(table.id)?.hold?.drop()
        context.copied.end(table.id)
        merge.untrack(table.id)
        await plans.leave(table)
      }
      settleIdle()
    },
    async reread(table, audience) {
      const isBegunWithSlot = isSlotNew && isFirst
      isFirst = false
      known.set(table.id, table)
      // As in decideCopy: a table without a key is copied for all or for none.
      const wanted = (table.key.length > 0 ? audience : null) ?? context.sinks.map((sink) => sink.name)
      const plan = newPlan(table, await plans.load(table), wanted, context.sinks)
      // A copy under way is taken over: its sinks still lack the table.
      const sinks = [...new Set([...wanted, ...(copies.get(table.id)?.sinks ?? [])])]
      const made = { ...plan, sinks, fresh: false }
      await plans.save(table, made)
      // The publication may have begun to send the table, or more of it, just now: what ran then is in no log.
      start([{ table, plan: made, sinks, isYoung: true }], !isBegunWithSlot, stop(table.id))
    },
    rereadKeys(table, rows) {
      const keyOf = createKeyOf(table)
      merge.track(table, { audience: null, inBlocks: false })
      merge.restore(table, new Map(rows.map((row) => [keyOf(row), { row, everyone: true }])))
      // A copy under way reads them at its end.
      complete(table)
      context.wake()
    },
    complete,
    failure: () => failure,
    isBusy: () => copies.size > 0,
    async idle() {
      if (failure) throw failure
      if (copies.size === 0) return
      idle ??= createDeferred()
      return idle.promise
    },
    async close() {
      closing.abort(new Error('snapshots are closed'))
      for (const id of [...copies.keys()]) stop(id)?.hold?.drop()
      await Promise.all(stopping)
    },
  }
}

function forEveryone(marks: ReadonlyMap<string, IncompleteKey>): ReadonlyMap<string, IncompleteKey> {
  return new Map([...marks].map(([key, { row }]) => [key, { row, everyone: true }]))
}

function incompleteOf(table: Table, { keys }: CarriedKeys): ReadonlyMap<string, IncompleteKey> {
  const keyOf = createKeyOf(table)
  const marks = (keys ?? []).map(({ values, everyone }): [string, IncompleteKey] => {
    const row: Row = table.columns.map(() => null)
    table.key.forEach((column, index) => (row[column] = values[index] ?? null))
    return [keyOf(row), { row, everyone }]
  })
  return new Map(marks)
}
