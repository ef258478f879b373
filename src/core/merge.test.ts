import { describe, expect, test } from 'vitest'
import { chunkRows } from '../../test/model/chunk-rows.ts'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Change, RowChange } from '../contracts/change.ts'
import type { Chunk, SourceControl, Visibility } from '../contracts/source.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { addXid, EMPTY_CARRY, formatCarry, parseCarry } from './carry.ts'
import { createMerge, type Merge, type MergeOptions, type Outcome } from './merge.ts'

const T: Table = {
  schema: 'public',
  name: 't',
  id: 1,
  version: 'v1',
  identity: 'key',
  key: [0],
  columns: ['id', 'v', 'wide'].map((name, index) => ({
    name,
    id: index + 1,
    type: index < 2 ? { kind: 'int32' } : { kind: 'text', name: 'text' },
    sourceType: 'x',
    typeOid: 0,
    typeModifier: -1,
    nullable: true,
  })),
}
const T2: Table = { ...T, version: 'v2' }
const LOG: Table = { ...T, id: 2, name: 'log', key: [] }

const at = (number: number) => number.toString(16).toUpperCase().padStart(16, '0')
const upTo = (xmax: number, ...running: number[]): Visibility => ({ sees: (xid) => xid < xmax && !running.includes(xid) })
const tx = (xid: number, position = xid) => ({ xid, position: at(position), commitTimeUs: 0 })
const insert = (xid: number, after: Row, table = T): RowChange => ({
  op: 'insert',
  table,
  before: null,
  oldKey: null,
  after,
  ordinal: 0,
  tx: tx(xid),
})
const update = (xid: number, after: Row, oldKey: Row | null = null, table = T): RowChange => ({
  op: 'update',
  table,
  before: null,
  oldKey,
  after,
  ordinal: 0,
  tx: tx(xid),
})
const remove = (xid: number, before: Row): RowChange => ({
  op: 'delete',
  table: T,
  before,
  oldKey: null,
  after: null,
  ordinal: 0,
  tx: tx(xid),
})
const truncate = (xid: number, table = T): Change => ({
  op: 'truncate',
  table,
  cascade: false,
  restartIdentity: false,
  ordinal: 0,
  tx: tx(xid),
})
const batch = (end: number, ...changes: Change[]): ChangesBatch => ({
  kind: 'changes',
  log: '',
  end: at(end),
  carry: '',
  audience: null,
  changes,
  bytes: 1,
  betweenTransactions: true,
})
const schema = (table: Table, end: number): SourceControl => ({
  kind: 'control',
  event: 'schema',
  log: '',
  end: at(end),
  carry: '',
  audience: null,
  table,
  previous: null,
})

const PLACE: Chunk = { id: 'public.t/g/0', table: T, leaf: 'public.t', predicate: null, rowEstimate: 0 }

function setup(options: Partial<MergeOptions> = {}) {
  const strays: Table[] = []
  const merge = createMerge({ carry: EMPTY_CARRY, onStray: (table) => strays.push(table), ...options })
  merge.start(at(0))
  const outcomes: Outcome[] = []
  const out: Batch[] = []
  const register = (asked: readonly string[] | null = null, audience: readonly string[] | null = null) =>
    merge.register({ chunk: PLACE, audience, asked, settle: (outcome) => outcomes.push(outcome) })
  const accept = (...batches: Parameters<Merge['accept']>[0][]) => {
    for (const each of batches) out.push(...merge.accept(each))
  }
  const emitted = () => out.flatMap((each) => (each.kind === 'rows' ? each.rows() : []))
  /** Reads a chunk in one go, by default high at the stream's own position. */
  const read = (seen: Visibility, rows: Row[], { table = T, high = merge.position, ...rest }: ReadOptions = {}) => {
    const chunk = register(rest.asked, rest.audience)
    chunk.seen(seen)
    chunk.read({ rows: chunkRows(table, rows, rest.count), high })
    out.push(...merge.due())
  }
  return { merge, strays, outcomes, out, register, accept, emitted, read }
}
type ReadOptions = { table?: Table; high?: string; asked?: string[]; audience?: string[]; count?: { keysAsked: number } }
const tracked = (options: Partial<MergeOptions> = {}, inBlocks = true) => {
  const made = setup(options)
  made.merge.track(T, { audience: null, inBlocks })
  return made
}
const holes = (merge: Merge) => [...(merge.memory(T.id)?.incomplete.keys.keys() ?? [])]

describe('placing', () => {
  test('a chunk goes out when the stream has passed its high mark, and not before', () => {
    const { register, accept, outcomes, out } = tracked()
    const chunk = register()
    chunk.seen(upTo(10))
    chunk.read({ rows: chunkRows(T, [[1, 1, 'a']]), high: at(50) })
    accept(batch(49))
    expect(out.map((each) => each.kind)).toEqual(['changes'])
    accept(batch(50))
    expect(out.map((each) => each.kind)).toEqual(['changes', 'changes', 'control', 'rows'])
    expect(out.at(-1)).toMatchObject({ chunk: PLACE.id, end: at(50), last: true })
    expect(outcomes).toEqual(['emitted'])
  })

  test('a chunk never goes out inside a transaction', () => {
    const { accept, read, outcomes } = tracked()
    accept({ ...batch(20, insert(5, [9, 9, 'x'])), betweenTransactions: false })
    read(upTo(10), [[1, 1, 'a']], { high: at(10) })
    expect(outcomes).toEqual([])
    accept(batch(21))
    expect(outcomes).toEqual(['emitted'])
  })

  test('what follows a description is not placed before it', () => {
    const { merge, accept, out } = setup()
    accept(batch(10), schema(T2, 12))
    merge.control({ kind: 'control', event: 'snapshot-begin', table: T2, generation: 'g', fresh: false, audience: null })
    out.push(...merge.due())
    expect(out.map(({ end }) => end)).toEqual([at(10), at(12), at(12)])
  })

  test('controls go out between transactions and before any chunk', () => {
    const { merge, read, out } = tracked()
    merge.control({ kind: 'control', event: 'snapshot-begin', table: T, generation: 'g', fresh: true, audience: null })
    read(upTo(10), [[1, 1, 'a']])
    expect(out.map((each) => (each.kind === 'control' ? each.event : each.kind))).toEqual(['snapshot-begin', 'schema', 'rows'])
  })
})

describe('dropping', () => {
  test('a row is dropped when a change of its key by a transaction that the chunk does not see was delivered', () => {
    const { accept, read, emitted } = tracked()
    accept(batch(20, update(12, [1, 2, 'b'])))
    read(upTo(10), [
      [1, 1, 'a'],
      [2, 1, 'a'],
    ])
    expect(emitted()).toEqual([[2, 1, 'a']])
  })

  test('a row is kept when the chunk sees the change of its key', () => {
    const { accept, read, emitted } = tracked()
    accept(batch(20, update(12, [1, 2, 'b'])))
    read(upTo(13), [[1, 2, 'b']])
    expect(emitted()).toEqual([[1, 2, 'b']])
  })

  test('a transaction below xmax that was still running is not seen', () => {
    const { accept, read, emitted } = tracked()
    accept(batch(20, update(12, [1, 2, 'b'])))
    read(upTo(15, 12), [[1, 1, 'a']])
    expect(emitted()).toEqual([])
  })

  test('deleted keys and old keys of updates count', () => {
    const { accept, read, emitted } = tracked()
    accept(batch(20, remove(12, [1, null, null]), update(13, [5, 1, 'a'], [2, null, null])))
    read(upTo(10), [
      [1, 1, 'a'],
      [2, 1, 'a'],
      [5, 0, 'a'],
      [6, 1, 'a'],
    ])
    expect(emitted()).toEqual([[6, 1, 'a']])
  })

  test('a truncate that the chunk does not see drops all its rows, and the chunk still counts as done', () => {
    const { accept, read, emitted, outcomes } = tracked()
    accept(batch(20, truncate(12)))
    read(upTo(10), [
      [1, 1, 'a'],
      [2, 1, 'a'],
    ])
    expect(emitted()).toEqual([])
    expect(outcomes).toEqual(['emitted'])
    read(upTo(13), [[3, 1, 'a']])
    expect(emitted()).toEqual([[3, 1, 'a']])
  })

  test('a chunk of which no key was touched passes whole, without a look at its keys', () => {
    const { accept, read, emitted } = tracked()
    const count = { keysAsked: 0 }
    accept(batch(20, update(12, [1, 2, 'b'])))
    read(
      upTo(13),
      [
        [1, 2, 'b'],
        [2, 1, 'a'],
      ],
      { count },
    )
    expect(count.keysAsked).toBe(0)
    expect(emitted()).toHaveLength(2)
  })
})

describe('remembering', () => {
  test('a key delivered while no chunk was under way is remembered', () => {
    const { accept, read, emitted } = tracked()
    accept(batch(20, update(12, [1, 2, 'b'])), batch(30))
    read(upTo(20, 12), [[1, 1, 'a']])
    expect(emitted()).toEqual([])
  })

  test('what every chunk sees is forgotten', () => {
    const { accept, merge } = tracked()
    accept(batch(20, update(12, [1, 2, 'b'])))
    merge.learn(upTo(12))
    expect(merge.memory(T.id)?.size).toBe(1)
    merge.learn(upTo(13))
    expect(merge.memory(T.id)?.size).toBe(0)
  })

  test('a chunk whose answer is under way keeps what it may not see', () => {
    const { accept, merge, register, out, emitted } = tracked()
    merge.learn(upTo(10))
    const slow = register()
    accept(batch(20, update(12, [1, 2, 'b'])))
    merge.learn(upTo(13))
    slow.seen(upTo(11))
    slow.read({ rows: chunkRows(T, [[1, 1, 'a']]), high: at(20) })
    out.push(...merge.due())
    expect(emitted()).toEqual([])
  })

  test('a table that is not being copied costs no memory', () => {
    const { accept, merge } = setup()
    accept(batch(20, update(12, [1, 2, 'b'])))
    expect(merge.memory(T.id)).toBeUndefined()
  })
})

describe('carry', () => {
  test('names the transactions delivered and not known visible, on every batch', () => {
    const { accept, merge, out } = setup()
    accept(batch(20, insert(12, [1, 1, 'a']), insert(13, [2, 1, 'a'])), batch(30, insert(20, [3, 1, 'a'])))
    expect(out.map((each) => each.carry)).toEqual(['12-13', '12-13,20'])
    merge.learn(upTo(25, 13))
    accept(batch(40))
    expect(out.at(-1)?.carry).toBe('13')
  })

  test('goes on from the checkpoint', () => {
    const { accept, merge, out } = setup({ carry: parseCarry('5-6') })
    accept(batch(1))
    expect(out.at(-1)?.carry).toBe('5-6')
    expect(merge.carriedXids()).toEqual([{ first: 5, last: 6 }])
  })

  test('holds incomplete keys, and what nobody has taken up of an earlier run', () => {
    const { accept, out } = tracked()
    accept(batch(20, update(12, [1, 2, UNCHANGED])))
    const carried = parseCarry(out.at(-1)?.carry ?? '')
    expect(carried.incomplete).toEqual([{ tableId: 1, version: 'v1', keys: [{ values: [1], everyone: false }] }])
    const second = setup({ carry: carried })
    second.accept(batch(21))
    expect(second.out.at(-1)?.carry).toBe(formatCarry(carried))
    second.merge.track(T, { audience: null, inBlocks: false })
    second.merge.restore(T, new Map([['1', { row: [1, null, null], everyone: false }]]))
    second.accept(batch(22, remove(30, [1, null, null])))
    expect(parseCarry(second.out.at(-1)?.carry ?? '').incomplete).toEqual([])
  })

  test('says that there are too many keys to carry', () => {
    const { accept, out } = tracked()
    accept(batch(20, ...Array.from({ length: 3000 }, (_, id) => update(12, [id, 2, UNCHANGED]))))
    expect(parseCarry(out.at(-1)?.carry ?? '').incomplete).toEqual([{ tableId: 1, version: 'v1', keys: null }])
  })
})

describe('incomplete keys', () => {
  test.each<[string, Change[], string[]]>([
    ['an update with a hole marks its key', [update(12, [1, 2, UNCHANGED])], ['1']],
    ['a full update clears it', [update(12, [1, 2, UNCHANGED]), update(13, [1, 3, 'w'])], []],
    ['a delete clears it', [update(12, [1, 2, UNCHANGED]), remove(13, [1, null, null])], []],
    ['a truncate clears all', [update(12, [1, 2, UNCHANGED]), truncate(13)], []],
    [
      'a key change with the hole marks the new key instead',
      [update(12, [1, 2, UNCHANGED]), update(13, [5, 2, UNCHANGED], [1, null, null])],
      ['5'],
    ],
    ['a full key change clears the old key', [update(12, [1, 2, UNCHANGED]), update(13, [5, 2, 'w'], [1, null, null])], []],
    ['an insert with a hole marks', [insert(12, [1, 2, UNCHANGED])], ['1']],
  ])('%s', (_, changes, marked) => {
    const { accept, merge } = tracked()
    accept(batch(20, ...changes))
    expect(holes(merge)).toEqual(marked)
  })

  test('once all blocks are delivered an unmarked row is whole, and a mark goes where its row goes', () => {
    const { accept, merge } = tracked()
    accept(batch(20, update(12, [1, 2, UNCHANGED])))
    merge.memory(T.id)?.incomplete.endOfBlocks()
    accept(
      batch(
        30,
        update(13, [2, 2, UNCHANGED]),
        update(14, [7, 2, UNCHANGED], [1, null, null]),
        update(15, [8, 2, UNCHANGED], [3, null, null]),
      ),
    )
    expect(holes(merge)).toEqual(['7'])
  })

  test('a chunk that delivers the row completes it; one that is too old does not', () => {
    const { accept, merge, read, emitted } = tracked()
    accept(batch(20, update(12, [1, 2, UNCHANGED])))
    read(upTo(10), [[1, 1, 'w']], { asked: ['1'] })
    expect(emitted()).toEqual([])
    expect(holes(merge)).toEqual(['1'])
    read(upTo(13), [[1, 2, 'w']], { asked: ['1'] })
    expect(emitted()).toEqual([[1, 2, 'w']])
    expect(holes(merge)).toEqual([])
  })

  test('a chunk for some of the sinks that lack it does not complete it', () => {
    const { merge, accept, read } = setup()
    merge.track(T, { audience: ['a', 'b'], inBlocks: true })
    accept(batch(20, update(12, [1, 2, UNCHANGED])))
    read(upTo(13), [[1, 2, 'w']], { audience: ['a'] })
    expect(holes(merge)).toEqual(['1'])
    read(upTo(13), [[1, 2, 'w']], { audience: ['a', 'b'] })
    expect(holes(merge)).toEqual([])
  })

  test('a key asked for and not there, with nothing newer delivered, is given up: its row is gone', () => {
    const { accept, merge, read } = tracked()
    accept(batch(20, update(12, [1, 2, UNCHANGED])))
    read(upTo(10), [], { asked: ['1'] })
    expect(holes(merge)).toEqual(['1'])
    read(upTo(13), [], { asked: ['1'] })
    expect(holes(merge)).toEqual([])
  })

  test('an insert with a hole marks its key also while nothing is copied', () => {
    const { accept, merge, strays } = setup()
    accept(batch(20, insert(12, [1, 2, UNCHANGED])))
    expect(strays).toEqual([T])
    expect(merge.memory(T.id)?.incomplete.keys.get('1')).toEqual({ row: [1, null, null], everyone: true })
  })
})

describe('schema', () => {
  test('the first rows of a table come after its description', () => {
    const { read, out } = tracked()
    read(upTo(10), [[1, 1, 'a']])
    expect(out[0]).toMatchObject({ event: 'schema', table: T, previous: null })
  })

  test('a chunk of a newer shape is announced, and the stream does not announce it again', () => {
    const { accept, read, out } = tracked()
    accept(schema(T, 10), batch(20))
    read(upTo(10), [[1, 1, 'a']], { table: T2 })
    accept(schema(T2, 30))
    expect(out.map((each) => (each.kind === 'control' ? `${each.event} ${each.table.version}` : each.kind))).toEqual([
      'schema v1',
      'changes',
      'schema v2',
      'rows',
    ])
  })

  test('a chunk of a shape that the stream has left behind is stale', () => {
    const { register, merge, accept, outcomes, emitted } = tracked()
    accept(schema(T, 10), batch(20))
    const chunk = register()
    chunk.seen(upTo(10))
    accept(schema(T2, 30), batch(30))
    chunk.read({ rows: chunkRows(T, [[1, 1, 'a']]), high: at(25) })
    expect([...merge.due()]).toEqual([])
    expect(outcomes).toEqual(['stale'])
    expect(emitted()).toEqual([])
  })
})

describe('tables without a key', () => {
  const line = (xid: number, id: number) => insert(xid, [id, 0, 'l'], LOG)
  test('their changes wait for the copy; those it shows are dropped, the others follow it', () => {
    const { merge, accept, out } = setup()
    const copy = merge.holdKeyless(LOG.id)
    accept(batch(20, line(11, 1), insert(11, [1, 1, 'a'])), batch(30, line(14, 2)))
    copy.seen(upTo(13))
    const pieces: string[] = []
    copy.piece(chunkRows(LOG, [[0, 0, 'l']]), { chunk: 'c', last: false, audience: null, emitted: () => pieces.push('first') })
    copy.piece(
      chunkRows(LOG, [
        [1, 0, 'l'],
        [3, 0, 'l'],
      ]),
      { chunk: 'c', last: true, audience: null, emitted: () => pieces.push('last') },
    )
    out.push(...merge.due())
    expect(pieces).toEqual(['first', 'last'])
    let ended = false
    copy.copied(at(40), () => (ended = true))
    out.push(...merge.due())
    accept(batch(35, line(12, 3), line(15, 4)))
    expect(ended).toBe(false)
    accept(batch(40))
    expect(ended).toBe(true)
    accept(batch(50, line(16, 5)))
    const seen = out.flatMap((each) =>
      each.kind === 'rows'
        ? each.rows().map((row) => `read ${String(row[0])}`)
        : each.kind === 'changes'
          ? each.changes.map((change) => ('after' in change ? `${change.table.name} ${String(change.after?.[0])}` : change.op))
          : [],
    )
    expect(seen).toEqual(['t 1', 'read 0', 'read 1', 'read 3', 'log 2', 'log 4', 'log 5'])
  })

  test('what is held past the bound of memory comes back from the file as it was', () => {
    const { merge, accept, out } = setup()
    const copy = merge.holdKeyless(LOG.id)
    for (let xid = 1; xid <= 25_000; xid++) accept(batch(xid, line(xid, xid)))
    accept(batch(25_001, { ...truncate(25_001, LOG) }, { ...insert(25_001, [1n as never, 0, UNCHANGED], LOG), ordinal: 1 }))
    copy.seen(upTo(3))
    copy.copied(at(0), () => {})
    out.length = 0
    out.push(...merge.due())
    const changes = out.flatMap((each) => (each.kind === 'changes' ? each.changes : []))
    expect(changes).toHaveLength(25_000)
    expect(changes[0]).toEqual(line(3, 3))
    expect(changes.at(-3)).toEqual(line(25_000, 25_000))
    expect(changes.at(-1)).toMatchObject({ op: 'insert', table: LOG, after: [1n, 0, UNCHANGED] })
  })

  test('what is held is bounded in bytes too, and handed out in portions that say how large they are', () => {
    const { merge, accept } = setup()
    const copy = merge.holdKeyless(LOG.id)
    const fed = Array.from({ length: 40 }, (_, index) => line(index + 1, index + 1))
    for (const change of fed) accept({ ...batch(change.tx.xid, change), bytes: 500_000 })
    copy.seen(upTo(3))
    copy.copied(at(0), () => {})
    const out = [...merge.due()].flatMap((each) => (each.kind === 'changes' ? [each] : []))
    const changes = out.flatMap((each) => each.changes)
    expect(changes).toEqual(fed.slice(2))
    // What comes back from the file is equal, not the same.
    expect(changes.filter((change) => (fed as Change[]).includes(change)).length).toBeLessThan(36)
    expect(Math.max(...out.map(({ bytes }) => bytes))).toBeLessThan(2_000_000)
    expect(out.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(18_000_000)
  })

  test('a change that comes again is held once', () => {
    const { merge, accept } = setup()
    const copy = merge.holdKeyless(LOG.id)
    accept(batch(20, line(11, 1), line(12, 2)))
    accept(batch(20, line(11, 1), line(12, 2)), batch(30, line(13, 3)))
    copy.seen(upTo(0))
    copy.copied(at(0), () => {})
    expect([...merge.due()].flatMap((each) => (each.kind === 'changes' ? each.changes : []))).toHaveLength(3)
  })
})

test('ranges added by hand are those the merge carries', () => {
  const ranges: { first: number; last: number }[] = []
  addXid(ranges, 7)
  const { merge } = setup({ carry: { xids: ranges, incomplete: [] } })
  expect(merge.carriedXids()).toEqual(ranges)
})
