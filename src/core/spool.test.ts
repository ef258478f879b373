import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Batch, ChangesBatch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import { UNCHANGED } from '../contracts/table.ts'
import { sampleColumn, sampleTable } from '../testing/fixtures.ts'
import { withRows } from './cut-batch.ts'
import { openSpool } from './spool.ts'

const table = sampleTable('users', [
  sampleColumn('id', { kind: 'int64' }, { id: 1, nullable: false }),
  sampleColumn('data', { kind: 'bytes' }, { id: 2 }),
])
const placed = { log: '', carry: 'c', audience: null }
const tx = { position: '0000000000000010', xid: 7, commitTimeUs: 5, log: { first: 1, previous: 0, end: null } }
const change = (ordinal: number): Change => ({
  op: 'update',
  table,
  before: [1n, UNCHANGED],
  oldKey: null,
  after: [BigInt(ordinal), new Uint8Array([ordinal])],
  ordinal,
  tx,
  lsn: 99,
  mayBeNew: true,
})
const changes = (end: string, ...ordinals: number[]): ChangesBatch => ({
  kind: 'changes',
  ...placed,
  end,
  changes: ordinals.map(change),
  bytes: 10,
  betweenTransactions: true,
})
const rows = (chunk: string, last: boolean): Batch =>
  withRows(
    {
      kind: 'rows',
      ...placed,
      end: '0000000000000030',
      table,
      chunk,
      last,
      rowCount: 0,
      bytes: 9,
      rows: () => [],
      columns: () => ({ rowCount: 0, vectors: [] }),
    },
    [[3n, null]],
  )
const schema: Batch = { kind: 'control', event: 'schema', ...placed, end: '0000000000000010', table, previous: null }

let folder = ''
beforeEach(() => void (folder = join(mkdtempSync(join(tmpdir(), 'millrace-spool-')), 'b')))
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

const open = (segmentBytes = 1_000_000) =>
  openSpool({ sink: 'b', folder, base: { record: null, held: null }, segmentBytes, wholeTransactions: false })
const newest = () => join(folder, readdirSync(folder).sort().at(-1) ?? '')

async function everything(spool: Awaited<ReturnType<typeof open>>): Promise<Batch[]> {
  const reader = spool.read()
  const found: Batch[] = []
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) found.push(batch)
  await reader.close()
  return found
}
const ends = (batches: readonly Batch[]) => batches.map(({ end }) => end)

test('gives back what it was given, over segments and a new opening: values, what was not sent, one object a transaction', async () => {
  const spool = await open(300)
  const given = [schema, changes('0000000000000010:000000000001', 0, 1), changes('0000000000000020', 2), rows('public.users/1-a/0', true)]
  for (const batch of given) {
    await spool.append(batch)
    await spool.mark()
  }
  await spool.close()
  expect(readdirSync(folder).length).toBeGreaterThan(2)
  const again = await open()
  const found = await everything(again)
  expect(found.map((batch) => ({ ...batch, rows: undefined, columns: undefined }))).toEqual(
    given.map((batch) => ({ ...batch, rows: undefined, columns: undefined })),
  )
  const [, first, second, copied] = found as [Batch, ChangesBatch, ChangesBatch, Batch & { kind: 'rows' }]
  expect(first.changes[0]?.tx).toBe(second.changes[0]?.tx)
  expect(first.changes[0]?.table).toBe(second.changes[0]?.table)
  expect(copied.rows()).toEqual([[3n, null]])
  expect(copied.columns().vectors).toHaveLength(2)
  expect(again.place).toEqual({
    record: { position: '0000000000000030', carry: 'c', chunks: ['public.users/1-a/0'] },
    held: '0000000000000030',
  })
  await again.close()
})

test('is cut back to its last mark at a start: nothing that nobody was told of counts, be it whole or torn', async () => {
  const spool = await open()
  await spool.append(changes('0000000000000020', 0))
  await spool.mark()
  await spool.append(changes('0000000000000030', 1))
  await spool.close()
  appendFileSync(newest(), Buffer.from([200, 0, 0, 0, 1, 2, 3, 4, 2, 9]))
  const again = await open()
  expect(again.place.record?.position).toBe('0000000000000020')
  expect(ends(await everything(again))).toEqual(['0000000000000020'])
  await again.close()
})

test('is read no further than it is durable', async () => {
  const spool = await open()
  await spool.append(changes('0000000000000020', 0))
  expect(await everything(spool)).toEqual([])
  await spool.mark()
  expect(ends(await everything(spool))).toEqual(['0000000000000020'])
  await spool.close()
})

test('a segment that was only being begun, as a crash leaves it, is no end of what came before', async () => {
  const spool = await open(10)
  await spool.append(changes('0000000000000020', 0))
  await spool.mark()
  await spool.close()
  truncateSync(newest(), 5)
  const again = await open()
  expect(again.place.record?.position).toBe('0000000000000020')
  expect(ends(await everything(again))).toEqual(['0000000000000020'])
  await again.close()
})

test('what is damaged is told, and never taken for an end', async () => {
  const spool = await open(10)
  await spool.append(changes('0000000000000020', 0))
  await spool.mark()
  await spool.append(changes('0000000000000030', 1))
  await spool.mark()
  const first = join(folder, readdirSync(folder).sort()[0] ?? '')
  const bytes = readFileSync(first)
  bytes[bytes.length - 200]! ^= 1
  writeFileSync(first, bytes)
  await expect(everything(spool)).rejects.toMatchObject({ code: 'SPOOL_CORRUPT' })
  await spool.close()
})

test('no mark is set while a chunk is in it in part; a copy that begins anew waits for it no longer', async () => {
  const spool = await open()
  await spool.append(rows('public.users/1-a/0', false))
  expect(spool.isCut).toBe(true)
  await spool.append({
    kind: 'control',
    event: 'snapshot-begin',
    ...placed,
    end: '0000000000000030',
    table,
    generation: '1-b',
    fresh: false,
  })
  expect(spool.isCut).toBe(false)
  await spool.close()
})

test('gives back the space of what is held, and begins with what a sink has to be told before the rest', async () => {
  const spool = await open(10)
  await spool.append(schema)
  await spool.append(changes('0000000000000020', 0))
  await spool.mark()
  await spool.append(changes('0000000000000030', 1))
  await spool.mark()
  const before = spool.bytes
  expect(await spool.release((segment) => segment === 1)).toBe(true)
  expect(spool.bytes).toBeLessThan(before)
  expect(ends(await everything(spool))).toEqual(['0000000000000030'])
  expect(spool.first.told).toMatchObject([{ event: 'schema', table }])
  expect(spool.first.place.record?.position).toBe('0000000000000020')
  await spool.close()
})
