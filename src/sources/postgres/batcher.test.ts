import { describe, expect, test } from 'vitest'
import { createBatcher, settledOrdinal, type Feed } from './batcher.ts'
import { createOldRows } from './old-rows.ts'
import { UNCHANGED, type Row, type Table } from '../../contracts/table.ts'

const table: Table = {
  schema: 'public',
  name: 't',
  id: 1,
  version: '1',
  key: [0],
  identity: 'key',
  columns: ['id', 'v'].map((name, index) => ({
    name,
    id: index + 1,
    type: { kind: 'int32' },
    sourceType: 'integer',
    typeOid: 23,
    typeModifier: -1,
    nullable: true,
  })),
}
const context = { table, oldRows: createOldRows(table, [0]) }
const F = '0000000000000100'
const E = '0000000000000140'

function batcherFrom(from: string, batchBytes = 1000) {
  const feed = { bytes: 0, skipping: false, lsn: 0 }
  const told: Feed = {
    pause: () => {},
    skip: (isOn) => (feed.skipping = isOn),
    consumed: () => feed.bytes,
    lsn: () => feed.lsn,
    contextOf: () => context,
  }
  return { batcher: createBatcher(from, batchBytes, () => told), feed }
}
const begin = { finalLsn: F, commitTimeUs: 0, xid: 7 }
const commit = { finalLsn: F, endLsn: E }

describe('what a position settles', () => {
  test.each([
    ['0000000000000100', F, -1],
    ['0000000000000100:000000000000', F, 0],
    ['0000000000000100:00000000000A', F, 10],
    ['0000000000000100:00000000000A', '0000000000000200', -1],
    ['0000000000000140', F, Infinity],
    ['00000000000000FF', F, -1],
  ])('%s settles of the transaction at %s ordinals up to %s', (from, finalLsn, expected) => {
    expect(settledOrdinal(from, finalLsn)).toBe(expected)
  })
})

describe('the batcher', () => {
  test('says where each change lies in the log, and where its transaction began, ended and what was committed before it', () => {
    const { batcher, feed } = batcherFrom('0000000000000010')
    const next = { finalLsn: '0000000000000180', commitTimeUs: 0, xid: 8 }
    feed.lsn = 0x90
    batcher.begin(begin)
    feed.lsn = 0xa0
    batcher.insert(context, [1, 2])
    batcher.commit(commit)
    batcher.begin(next)
    batcher.insert(context, [2, 2])
    batcher.closeOpen()
    batcher.commit({ finalLsn: next.finalLsn, endLsn: '00000000000001C0' })
    batcher.closeOpen()
    const changes = batcher.ready.flatMap((each) => (each.kind === 'changes' ? each.changes : []))
    expect(changes.map(({ lsn, tx }) => [lsn, tx?.log])).toEqual([
      [0xa0, { first: 0x90, previous: 0x10, end: 0x140 }],
      [0xa0, { first: 0xa0, previous: 0x140, end: 0x1c0 }],
    ])
  })

  test('a message outside of transactions counts as what was committed before the next', () => {
    const { batcher, feed } = batcherFrom('0000000000000010')
    feed.lsn = 0x50
    batcher.message({ transactional: false, lsn: '0000000000000050', prefix: 'app', content: new Uint8Array() })
    batcher.begin(begin)
    batcher.insert(context, [1, 2])
    batcher.commit(commit)
    batcher.closeOpen()
    const changes = batcher.ready.flatMap((each) => (each.kind === 'changes' ? each.changes : []))
    expect(changes.map(({ tx }) => tx?.log?.previous)).toEqual([undefined, 0x50])
  })

  test('closes at the end of a transaction, at the position behind its commit record', () => {
    const { batcher } = batcherFrom('0000000000000001')
    batcher.begin(begin)
    batcher.insert(context, [1, 2])
    batcher.closeOpen()
    expect(batcher.ready).toEqual([])
    batcher.commit(commit)
    batcher.closeOpen()
    expect(batcher.ready).toMatchObject([{ end: E, betweenTransactions: true, changes: [{ ordinal: 0, tx: { position: F, xid: 7 } }] }])
  })

  test('closes inside a transaction at its bound, at a position that settles what it holds', () => {
    const { batcher, feed } = batcherFrom('0000000000000001')
    batcher.begin(begin)
    batcher.insert(context, [1, 2])
    feed.bytes = 1000
    batcher.insert(context, [2, 2])
    expect(batcher.ready).toMatchObject([{ end: `${F}:000000000001`, betweenTransactions: false, bytes: 1000 }])
  })

  test('passes over what is settled, and counts it', () => {
    const { batcher, feed } = batcherFrom(`${F}:000000000001`)
    batcher.begin(begin)
    expect(feed.skipping).toBe(true)
    batcher.passed()
    expect(feed.skipping).toBe(true)
    expect(batcher.position()).toBe(`${F}:000000000001`)
    batcher.passed()
    expect(feed.skipping).toBe(false)
    batcher.insert(context, [1, 2])
    expect(batcher.position()).toBe(`${F}:000000000002`)
  })

  test('what was passed over does not fill the first batch of a replay', () => {
    const { batcher, feed } = batcherFrom(`${F}:000000000000`)
    batcher.begin(begin)
    feed.bytes = 100_000
    batcher.passed()
    feed.bytes = 100_010
    batcher.insert(context, [1, 2])
    expect(batcher.ready).toEqual([])
  })

  test('never moves back, nor by a keepalive inside a transaction', () => {
    const { batcher } = batcherFrom('0000000000000120')
    batcher.keepalive('0000000000000050', false)
    expect(batcher.position()).toBe('0000000000000120')
    expect(batcher.closeEmpty()).toBe(false)
    batcher.begin({ ...begin, finalLsn: '0000000000000200' })
    batcher.keepalive('0000000000000300', false)
    expect(batcher.position()).toBe('0000000000000120')
    batcher.commit({ finalLsn: '0000000000000200', endLsn: '0000000000000240' })
    batcher.keepalive('0000000000000300', false)
    expect(batcher.closeEmpty()).toBe(true)
    expect(batcher.ready).toMatchObject([{ changes: [], end: '0000000000000300', betweenTransactions: true }])
    expect(batcher.closeEmpty()).toBe(false)
  })

  test('says once of each position between transactions that the server waits for it, also where it was given before', () => {
    const { batcher } = batcherFrom('0000000000000120')
    const taken = () => batcher.ready.splice(0).map((batch) => [batch.end.slice(-3), batch.kind === 'changes' && batch.awaited === true])
    batcher.keepalive('0000000000000130', false)
    expect(batcher.closeEmpty()).toBe(true)
    batcher.keepalive('0000000000000130', true)
    expect(batcher.closeEmpty()).toBe(true)
    batcher.keepalive('0000000000000130', true)
    expect(batcher.closeEmpty()).toBe(false)
    batcher.begin({ ...begin, finalLsn: '0000000000000200' })
    batcher.insert(context, [1, 2])
    batcher.keepalive('0000000000000300', true)
    batcher.commit({ finalLsn: '0000000000000200', endLsn: '0000000000000240' })
    batcher.closeOpen()
    batcher.begin({ ...begin, finalLsn: '0000000000000240' })
    batcher.insert(context, [2, 2])
    batcher.commit({ finalLsn: '0000000000000240', endLsn: '0000000000000280' })
    batcher.keepalive('0000000000000300', true)
    batcher.closeOpen()
    expect(taken()).toEqual([
      ['130', false],
      ['130', true],
      ['240', false],
      ['300', true],
    ])
  })

  test('puts a description between the changes before and after it', () => {
    const { batcher } = batcherFrom('0000000000000001')
    batcher.begin(begin)
    batcher.describe({ table, previous: null, reread: false })
    batcher.insert(context, [1, 2])
    batcher.describe({ table, previous: table, reread: true })
    batcher.insert(context, [2, 2])
    batcher.commit(commit)
    batcher.closeOpen()
    expect(batcher.ready.map((item) => [item.kind, item.end])).toEqual([
      // Behind every commit before its transaction's own: a chunk read before the change of shape is older.
      ['control', F],
      ['changes', `${F}:000000000000`],
      ['control', `${F}:000000000000`],
      ['changes', E],
    ])
    expect(batcher.ready[2]).toMatchObject({ reread: true })
  })

  test('places a message outside a transaction before a commit record that begins where it ends', () => {
    const { batcher } = batcherFrom('0000000000000001')
    const lone = { transactional: false, lsn: F, prefix: 'p', content: new Uint8Array() }
    batcher.message(lone)
    batcher.closeOpen()
    expect(batcher.ready).toMatchObject([{ end: F, changes: [{ position: '00000000000000FF', ordinal: 0, tx: null }] }])
    expect(settledOrdinal(F, F)).toBe(-1)
    const again = batcherFrom(F)
    again.batcher.message(lone)
    again.batcher.closeOpen()
    expect(again.batcher.ready).toEqual([])
  })
})

describe('old rows', () => {
  const { before, complete, keyIfChanged } = context.oldRows

  test('hold only the columns that an old key has', () => {
    expect(before('key', [1, null])).toEqual([1, UNCHANGED])
    expect(before('full', [1, null])).toEqual([1, null])
  })

  test('fill what the new row lacks', () => {
    const after: Row = [UNCHANGED, 5]
    complete([1, UNCHANGED], after)
    expect(after).toEqual([1, 5])
  })

  test('tell a key that changed from one that was only sent', () => {
    expect(keyIfChanged([1, UNCHANGED], [1, 5])).toBeNull()
    expect(keyIfChanged([1, 4], [2, 5])).toEqual([1, UNCHANGED])
  })
})
