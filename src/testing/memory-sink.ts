import type { Batch } from '../contracts/batch.ts'
import type { Position } from '../contracts/position.ts'
import type { Sink, SinkRecord } from '../contracts/sink.ts'
import type { Row, Table } from '../contracts/table.ts'
import { createKeyOf } from '../values/create-key-of.ts'

/** A store in memory: it survives the sinks opened on it, as a disk survives a process. */
export type MemoryStore = ReturnType<typeof createMemoryStore>

/** A place where the sink can be told to misbehave. */
export type Fault = { at: 'write' | 'flush' | 'resume'; error: Error }

/**
 * Holds what was written as lines, and the checkpoint with them in one act (`keepsRecord`), or lines only.
 * Verbs of a test, each for the next call at its place: `reject` fails before the work, `failAfter` does the work
 * and then fails, `hold` keeps it waiting until `release`.
 */
export function createMemoryStore(options: { keepsRecord?: boolean; answer?: 'accepted' | 'durable' } = {}) {
  const rejections: Fault[] = []
  const lateFailures: Fault[] = []
  let gate: { promise: Promise<void>; open: () => void } | null = null

  const store = {
    keepsRecord: options.keepsRecord ?? true,
    answer: options.answer ?? ('accepted' as const),
    lines: [] as string[],
    /** What the lines amount to: the rows of each table by key. */
    rows: new Map<string, Row>(),
    record: null as SinkRecord | null,
    openings: 0,
    flushes: 0,
    writes: [] as Batch[],
    durablePositions: [] as Position[],
    reject: (at: Fault['at'], error: Error) => void rejections.push({ at, error }),
    failAfter: (at: Fault['at'], error: Error) => void lateFailures.push({ at, error }),
    /** Takes back what was planned to fail. */
    heal() {
      rejections.length = lateFailures.length = 0
    },
    hold() {
      let open = () => {}
      const promise = new Promise<void>((resolve) => (open = resolve))
      gate = { promise, open }
    },
    release() {
      gate?.open()
      gate = null
    },
    async pass(at: Fault['at'], signal: AbortSignal | null, work: () => void): Promise<void> {
      if (gate !== null && at !== 'resume') await orAborted(gate.promise, signal)
      throwNext(rejections, at)
      work()
      throwNext(lateFailures, at)
    },
  }
  return store
}

/** A sink on a memory store. Only what was flushed is in `lines` and `record`. */
export function createMemorySink(store: MemoryStore): Sink {
  let pending: Batch[] = []
  store.openings++

  function makeDurable(): void {
    for (const batch of pending) {
      store.lines.push(...linesOf(batch))
      applyTo(store.rows, batch)
      if (!store.keepsRecord) continue
      const chunks = [...(store.record?.chunks ?? []), ...('chunk' in batch && (batch.kind !== 'rows' || batch.last) ? [batch.chunk] : [])]
      store.record = { position: batch.end, carry: batch.carry, chunks }
    }
    const end = pending.at(-1)?.end
    if (end !== undefined) store.durablePositions.push(end)
    pending = []
  }

  return {
    async resume() {
      await store.pass('resume', null, () => {})
      return store.keepsRecord ? store.record : null
    },
    async write(batch, signal) {
      await store.pass('write', signal, () => {
        pending.push(batch)
        store.writes.push(batch)
        if (store.answer === 'durable') makeDurable()
      })
      return store.answer
    },
    async flush(signal) {
      await store.pass('flush', signal, () => {
        store.flushes++
        makeDurable()
      })
    },
    async [Symbol.asyncDispose]() {
      pending = []
    },
  }
}

/** `op table position ordinal` of each change, `read table chunk` of each row, `event table` of a control. */
function linesOf(batch: Batch): string[] {
  if (batch.kind === 'control') return [`${batch.event} ${batch.table.name}`]
  if (batch.kind === 'rows') return batch.rows().map((row) => `read ${batch.table.name} ${String(row[0])}`)
  return batch.changes.map((change) => `${change.op} ${change.table?.name ?? '-'} ${change.tx?.position ?? ''} ${change.ordinal}`)
}

function applyTo(rows: Map<string, Row>, batch: Batch): void {
  const nameOf = (table: Table, row: Row) => `${table.name} ${createKeyOf(table)(row)}`
  if (batch.kind === 'rows') for (const row of batch.rows()) rows.set(nameOf(batch.table, row), row)
  if (batch.kind !== 'changes') return
  for (const change of batch.changes) {
    if (change.op === 'delete') rows.delete(nameOf(change.table, change.before))
    if (change.op === 'insert') rows.set(nameOf(change.table, change.after), change.after)
  }
}

function throwNext(faults: Fault[], at: Fault['at']): void {
  const index = faults.findIndex((fault) => fault.at === at)
  const [fault] = index < 0 ? [] : faults.splice(index, 1)
  if (fault !== undefined) throw fault.error
}

function orAborted(promise: Promise<void>, signal: AbortSignal | null): Promise<void> {
  if (signal === null) return promise
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
  ])
}
