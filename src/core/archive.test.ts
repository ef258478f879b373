import { expect, test } from 'vitest'
import type { ConsistentSnapshot } from '../contracts/archive.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { archiveTables, type ArchiveOptions } from './archive.ts'
import { memoryArchive, stagedSnapshot, type Stage } from './archive.fixture.ts'

const lost = () => new MillraceError('SOURCE_LOST', { reason: 'gone' })
const broken = () => new MillraceError('SOURCE_QUERY', { sqlstate: '22012', reason: 'a data exception' })

/** Each stage is one snapshot that is taken; an error instead of one is what taking it meets. */
function archive(
  stages: readonly (Stage | MillraceError)[],
  options: Partial<ArchiveOptions> & { archive?: ReturnType<typeof memoryArchive> } = {},
) {
  const events: PipelineEvent[] = []
  const kept = options.archive ?? memoryArchive()
  const left = [...stages]
  let [ids, nowMs] = [0, 0]
  const open = async (): Promise<ConsistentSnapshot> => {
    const next = left.length > 1 ? left.shift()! : left[0]!
    if (next instanceof MillraceError) throw next
    return stagedSnapshot(next)
  }
  const summary = archiveTables({
    open,
    archive: kept,
    parallel: 2,
    newId: () => `id${++ids}`,
    clock: { now: () => nowMs, sleep: async (ms) => void (nowMs += ms) },
    date: () => new Date(Date.UTC(2026, 0, 1)),
    report: (event) => void events.push(event),
    signal: new AbortController().signal,
    ...options,
  })
  return { summary, events, kept: kept.kept }
}

test('every table has a catalog with the counts of source and archive', async () => {
  const { summary, kept, events } = archive([{ tables: { 'a.one': [3, 4], 'a.two': [] } }])
  expect(await summary).toMatchObject({ ok: true, id: 'id1', rows: 7, bytes: 20, attempts: 1, position: '00000000000000AA' })
  expect([...kept.keys()].sort()).toEqual(['a.one/id1', 'a.two/id1'])
  expect(kept.get('a.one/id1')?.catalog).toEqual({
    id: 'id1',
    start_time: '2026-01-01T00:00:00.000Z',
    end_time: '2026-01-01T00:00:00.000Z',
    source: 'a.one',
    num_source_records: 7,
    num_records_processed: 7,
    success: true,
    schema: [],
    files: [{ name: 'part', rows: 7, bytes: 10, sha256: '' }],
    position: '00000000000000AA',
  })
  expect(events.filter(({ event }) => event === 'snapshot-table-done')).toHaveLength(2)
})

test('counts that differ are no success, and the parts stay to be looked at', async () => {
  const { summary, kept } = archive([{ tables: { 'a.one': [3] }, counts: { 'a.one': 4 } }])
  expect((await summary).ok).toBe(false)
  expect(kept.get('a.one/id1')).toMatchObject({
    files: 1,
    catalog: { success: false, num_source_records: 4, num_records_processed: 3, error: { code: 'ARCHIVE_COUNTS_DIFFER' } },
  })
})

test('a table that fails leaves a catalog that says so and no part; the others are whole', async () => {
  const onRead = (table: string) => {
    if (table === 'a.bad') throw broken()
  }
  const { summary, kept } = archive([{ tables: { 'a.bad': [1, 1, 1], 'a.good': [5] }, onRead }])
  expect(await summary).toMatchObject({ ok: false, attempts: 1 })
  expect(kept.get('a.bad/id1')).toMatchObject({
    rows: 0,
    files: 0,
    catalog: { success: false, files: [], error: { code: 'SOURCE_QUERY' } },
  })
  expect(kept.get('a.good/id1')).toMatchObject({ rows: 5, catalog: { success: true } })
})

test('a sink that fails, transient or not, fails its table and takes no other snapshot', async () => {
  const archiveOf = (act: string) =>
    memoryArchive((at, table) => {
      if (at === act && table === 'a.bad') throw new MillraceError('SINK_DISK_FULL', { sink: 's', path: 'p' })
    })
  for (const act of ['write', 'finish', 'seal']) {
    const { summary, kept } = archive([{ tables: { 'a.bad': [1], 'a.good': [5] } }], { archive: archiveOf(act) })
    const { ok, tables, attempts } = await summary
    expect([ok, attempts, tables.map(({ catalog }) => catalog.error?.code)], act).toEqual([false, 1, ['SINK_DISK_FULL', undefined]])
    expect(kept.get('a.bad/id1')?.catalog?.success, act).not.toBe(true)
    expect(kept.get('a.good/id1')?.catalog?.success, act).toBe(true)
  }
})

test('a lost snapshot is taken again once: nothing of the first stays, whole tables neither', async () => {
  let reads = 0
  const onRead = () => {
    if (++reads === 2) throw lost()
  }
  const { summary, kept, events } = archive([{ tables: { 'a.one': [1], 'b.two': [2] }, onRead }], { parallel: 1 })
  expect(await summary).toMatchObject({ ok: true, id: 'id2', attempts: 2, rows: 3 })
  expect([...kept.keys()].sort()).toEqual(['a.one/id2', 'b.two/id2'])
  expect(events.filter(({ event }) => event === 'retry')).toMatchObject([{ part: 'source', level: 'warn', code: 'SOURCE_LOST' }])
})

test('locks that were lost before a table was whole count as a lost snapshot', async () => {
  let asked = 0
  const onHeld = () => {
    if (++asked === 1) throw lost()
  }
  const { summary, kept } = archive([{ tables: { 'a.one': [1] }, onHeld }])
  expect(await summary).toMatchObject({ attempts: 2, ok: true })
  expect([...kept.keys()]).toEqual(['a.one/id2'])
})

test('lost twice it ends with the error, and nothing is kept', async () => {
  const onRead = () => {
    throw lost()
  }
  const { summary, kept } = archive([{ tables: { 'a.one': [1] }, onRead }])
  await expect(summary).rejects.toMatchObject({ code: 'SOURCE_LOST' })
  expect(kept.size).toBe(0)
})

test('a source that is out of reach is asked for ten seconds, then it is an error', async () => {
  const gone = new MillraceError('SOURCE_UNREACHABLE', { host: 'h', reason: 'r' })
  const { summary, events } = archive([gone, gone, { tables: { 'a.one': [1] } }])
  expect((await summary).ok).toBe(true)
  expect(events.filter(({ event }) => event === 'retry')).toHaveLength(2)
  await expect(archive([gone]).summary).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  await expect(archive([new MillraceError('SOURCE_AUTH', { user: 'u', reason: 'r' })]).summary).rejects.toMatchObject({
    code: 'SOURCE_AUTH',
  })
})

test('stopped, it removes what is not whole and keeps what is', async () => {
  const stop = new AbortController()
  const onRead = (table: string) => {
    if (table === 'b.two') stop.abort()
  }
  const { summary, kept } = archive([{ tables: { 'a.one': [1], 'b.two': [1, 1] }, onRead }], { parallel: 1, signal: stop.signal })
  await expect(summary).rejects.toMatchObject({ name: 'AbortError' })
  expect([...kept].map(([path, { catalog }]) => [path, catalog?.success])).toEqual([['a.one/id1', true]])
})

test('a table that cannot be begun has a catalog that says why', async () => {
  const refused = [
    { schema: 'a', name: 'locked', error: new MillraceError('ARCHIVE_TABLE_LOCKED', { table: 'a.locked', holders: 'process 7' }) },
  ]
  const { summary, kept } = archive([{ tables: { 'a.one': [1] }, refused }])
  expect((await summary).ok).toBe(false)
  expect(kept.get('a.locked/id1')?.catalog).toMatchObject({
    success: false,
    num_source_records: null,
    error: { code: 'ARCHIVE_TABLE_LOCKED' },
  })
})
