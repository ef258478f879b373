import { describe, expect, test } from 'vitest'
import type { Batch } from '../../contracts/batch.ts'
import { createDeferred } from '../../lib/deferred.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
  messageAt,
  rowsAt,
  schemaAt,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { startReceiver, type Element, type Received } from './receiver.fixture.ts'
import { openSink, signal, writeAll } from './sink.fixture.ts'

const users = usersTable()
const keyless = usersTable({ name: 'events', id: 2, key: [] })
const insert = (id: number, name?: string) => insertOf(users, userRow(id, name))
const elementsOf = ({ body }: Received) => JSON.parse(body) as Element[]
/** `["insert","…/0","public.users","…"]` → what it is and where. */
const placeOf = ({ value }: Element) => (value as string[])[1]

describe('a request', () => {
  test('holds what came together, up to maxRecords', async () => {
    await using receiver = await startReceiver()
    const batch = batchOf(1, ...Array.from({ length: 10 }, (_, at) => insert(at)))
    expect(await writeAll({ url: receiver.url, maxRecords: 4 }, batch)).toBeNull()
    expect(receiver.requests.map((request) => elementsOf(request).length)).toEqual([4, 4, 2])
    expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(10)
  })

  test('is no larger than maxBytes, but where one message is', async () => {
    await using receiver = await startReceiver()
    const batch = batchOf(1, ...[400, 300, 5000, 10, 10].map((size, at) => insert(at, 'ü'.repeat(size))))
    expect(await writeAll({ url: receiver.url, maxBytes: '2kB' }, batch)).toBeNull()
    const sizes = receiver.requests.map(({ body }) => Buffer.byteLength(body))
    expect(sizes.filter((size) => size > 2000)).toHaveLength(1)
    expect(receiver.requests.map((request) => elementsOf(request).length)).toEqual([2, 1, 2])
  })

  test('may hold the bare values, or one of them', async () => {
    await using receiver = await startReceiver()
    const batch = batchOf(1, insert(1), insert(2))
    const values = batch.changes.map((change) => createPlainFormat().changeLine(change).trim())
    await writeAll({ url: receiver.url, body: 'values' }, batch)
    await writeAll({ url: receiver.url, body: 'single' }, batch)
    expect(receiver.requests.map(({ body }) => body)).toEqual([`[${values.join(',')}]`, ...values])
  })

  test('tells topic, key and headers where the format has them, and a tombstone', async () => {
    await using receiver = await startReceiver()
    const format = { ...createPlainFormat(), change: () => [{ topic: 't "1"', key: '{"id":1}', value: null, headers: { a: 'ü' } }] }
    const { sink } = openSink({ url: receiver.url }, format)
    await sink.write(batchOf(1, insert(1)), signal)
    await sink.flush(signal)
    await sink[Symbol.asyncDispose]()
    expect(receiver.taken).toMatchObject([{ topic: 't "1"', key: { id: 1 }, value: null, headers: { a: 'ü' } }])
  })

  test('again after a crash has the same ids', async () => {
    await using receiver = await startReceiver()
    const batches = [
      schemaAt(1, users),
      rowsAt(1, { table: users, chunk: 'c/g/0', rows: [userRow(1), userRow(2)] }),
      batchOf(2, insert(3), insert(4)),
    ]
    for (let life = 0; life < 2; life++) expect(await writeAll({ url: receiver.url }, ...batches)).toBeNull()
    expect(receiver.taken).toHaveLength(8)
    expect(receiver.once()).toHaveLength(4)
    const requestIds = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(new Set(requestIds).size).toBe(requestIds.length / 2)
  })
})

describe('durable', () => {
  test('is said only once everything given before was answered by 2xx', async () => {
    const gate = createDeferred<void>()
    await using receiver = await startReceiver({ answer: () => ({ status: 200, after: gate.promise }) })
    const { sink } = openSink({ url: receiver.url })
    expect(await sink.write(batchOf(1, insert(1)), signal)).toBe('accepted')
    expect(await sink.write(batchOf(2), signal)).toBe('accepted')
    let isFlushed = false
    const flushed = sink.flush(signal).then(() => (isFlushed = true))
    await expect.poll(() => receiver.taken.length).toBe(1)
    expect(isFlushed).toBe(false)
    gate.resolve()
    await flushed
    expect(await sink.write(batchOf(3), signal)).toBe('durable')
    await sink[Symbol.asyncDispose]()
  })

  test('is not said of a message that was refused, by no later call, and the failure is told at once', async () => {
    await using receiver = await startReceiver({ answer: (_, at) => (at === 0 ? { status: 500 } : { status: 200 }) })
    const { sink, failures } = openSink({ url: receiver.url })
    await sink.write(batchOf(1, insert(1)), signal)
    await expect.poll(() => failures).toMatchObject([{ code: 'SINK_HTTP_BUSY' }])
    await expect(sink.write(batchOf(2, insert(2)), signal)).rejects.toMatchObject({ code: 'SINK_HTTP_BUSY' })
    await expect(sink.flush(signal)).rejects.toMatchObject({ code: 'SINK_HTTP_BUSY' })
    await sink[Symbol.asyncDispose]()
    expect(receiver.requests).toHaveLength(1)
  })

  test('waits no longer than it is told to, and a closed sink leaves no request under way', async () => {
    await using receiver = await startReceiver({ answer: () => ({ status: 200, after: new Promise(() => {}) }) })
    const { sink, failures } = openSink({ url: receiver.url })
    await sink.write(batchOf(1, insert(1)), signal)
    const stop = new AbortController()
    const flushed = sink.flush(stop.signal)
    stop.abort(new Error('stopping'))
    await expect(flushed).rejects.toThrow('stopping')
    await sink[Symbol.asyncDispose]()
    expect(failures).toEqual([])
  })
})

test('what is given and not yet answered has a bound', async () => {
  const gate = createDeferred<void>()
  await using receiver = await startReceiver({ answer: () => ({ status: 200, after: gate.promise }) })
  const { sink } = openSink({ url: receiver.url, maxRecords: 10 })
  let isTaken = false
  const written = sink.write(batchOf(1, ...Array.from({ length: 100 }, (_, at) => insert(at))), signal).then(() => (isTaken = true))
  await expect.poll(() => receiver.requests.length).toBe(1)
  expect(isTaken).toBe(false)
  gate.resolve()
  await written
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  expect(receiver.taken).toHaveLength(100)
})

describe('with several requests at once', () => {
  /** Answers in another order than it was asked, and notes which keys were under way together. */
  function shuffling() {
    const under = new Map<string, number>()
    const clashes: string[] = []
    let asked = 0
    const answer = (request: Received) => {
      const keys = new Set(elementsOf(request).map(({ value }) => keyIn(value as string[])))
      for (const key of keys) {
        if (under.get(key)) clashes.push(key)
        under.set(key, (under.get(key) ?? 0) + 1)
      }
      const after = turns((asked++ * 7) % 5).then(() => keys.forEach((key) => under.set(key, (under.get(key) ?? 0) - 1)))
      return { status: 200, after }
    }
    return { clashes, answer }
  }

  test('the changes of a key arrive in order, and no two requests hold one key', async () => {
    const { clashes, answer } = shuffling()
    await using receiver = await startReceiver({ answer })
    const batches = Array.from({ length: 30 }, (_, at) =>
      batchOf(at + 1, ...Array.from({ length: 20 }, (__, n) => updateOf(users, userRow((n * 3 + at) % 17, `v${at}`)))),
    )
    expect(await writeAll({ url: receiver.url, concurrency: 4, maxRecords: 3 }, ...batches)).toBeNull()
    expect(receiver.taken).toHaveLength(600)
    expect(clashes).toEqual([])
    expect(receiver.most).toBeGreaterThan(1)
    expect(receiver.most).toBeLessThanOrEqual(4)
    expectInOrder(receiver.taken, ({ value }) => keyIn(value as string[]))
  })

  test('rows without a key arrive in order, table by table', async () => {
    await using receiver = await startReceiver(shuffling())
    const batches = Array.from({ length: 20 }, (_, at) =>
      batchOf(at + 1, insertOf(keyless, userRow(at)), insert(at), insertOf(keyless, userRow(at))),
    )
    expect(await writeAll({ url: receiver.url, concurrency: 3, maxRecords: 1 }, ...batches)).toBeNull()
    const events = receiver.taken.filter(({ value }) => (value as string[])[2] === 'public.events')
    expect(events).toHaveLength(40)
    expectInOrder(events, () => 'events')
  })

  const isTruncate = ({ value }: Element) => (value as string[])[0] === 'truncate'
  const telling = { ...createPlainFormat(), control: () => [{ topic: null, key: null, value: '["schema","","",""]', headers: null }] }

  test.each<[string, (index: number) => Batch, (element: Element) => boolean]>([
    ['a truncate', (index) => batchOf(index, truncateOf(users)), isTruncate],
    ['a schema', (index) => schemaAt(index, users), ({ value }) => (value as string[])[0] === 'schema'],
    [
      'a row that changes its key',
      (index) => batchOf(index, updateOf(users, userRow(99), { before: userRow(98), oldKey: userRow(98) })),
      ({ value }) => (value as string[])[0] === 'update',
    ],
  ])('%s stands between what comes before and what comes after', async (_, middle, isMiddle) => {
    const answered: Element[] = []
    await using receiver = await startReceiver({
      // What comes first is answered last.
      answer: (request, at) => ({ status: 200, after: turns(at < 4 ? 20 : 1).then(() => answered.push(...elementsOf(request))) }),
    })
    const { sink } = openSink({ url: receiver.url, concurrency: 4 }, telling)
    const row = (at: number) => insert(at)
    for (const batch of [batchOf(1, ...[1, 2, 3, 4, 5, 6].map(row)), middle(2), batchOf(3, ...[7, 8, 9].map(row))])
      await sink.write(batch, signal)
    await sink.flush(signal)
    await sink[Symbol.asyncDispose]()
    expect(answered.findIndex(isMiddle)).toBe(6)
    expect(answered).toHaveLength(10)
  })

  test('a table that is renamed, or has another key, keeps the order of its rows, also where the format says nothing of it', async () => {
    const answered: Element[] = []
    await using receiver = await startReceiver({
      answer: (request, at) => ({ status: 200, after: turns(at === 0 ? 20 : 1).then(() => answered.push(...elementsOf(request))) }),
    })
    const renamed = ['people', 'persons', 'folk', 'crowd'].map((name) => usersTable({ name }))
    const batches = renamed.flatMap((table, at) => [schemaAt(at + 2, table, users), batchOf(at + 2, updateOf(table, userRow(1)))])
    expect(await writeAll({ url: receiver.url, concurrency: 8 }, batchOf(1, insert(1)), ...batches)).toBeNull()
    expectInOrder(answered, () => 'the row')
    expect(answered).toHaveLength(5)
  })

  test('a delete and an insert of one key, and logical messages of one prefix, stay in order', async () => {
    await using receiver = await startReceiver(shuffling())
    const batches = Array.from({ length: 12 }, (_, at): Batch => {
      const acts = [insert(1), deleteOf(users, userRow(1)), insert(2), deleteOf(users, userRow(2))]
      return at % 2 === 0 ? batchOf(at + 1, ...acts) : { ...batchOf(at + 1), changes: [messageAt(at + 1)] }
    })
    expect(await writeAll({ url: receiver.url, concurrency: 4, maxRecords: 1 }, ...batches)).toBeNull()
    expectInOrder(receiver.taken, ({ value }) => keyIn(value as string[]))
  })

  test('one that fails lets nothing begin any more, whatever its key', async () => {
    await using receiver = await startReceiver({ answer: (_, at) => (at === 0 ? { status: 500 } : { status: 200, after: turns(10) }) })
    const { sink, failures } = openSink({ url: receiver.url, concurrency: 2, maxRecords: 5 })
    await sink.write(batchOf(1, ...Array.from({ length: 20 }, (_, at) => insert(at))), signal)
    await expect.poll(() => failures).toHaveLength(1)
    await turns(100)
    expect(receiver.requests).toHaveLength(2)
    await sink[Symbol.asyncDispose]()
  })
})

/** `12:public.users…` of a plain line: table and id of its row; of a message its prefix. */
function keyIn([op, , table, row]: string[]): string {
  return op === 'message' ? `message ${table}` : `${table} ${row?.split(',')[0]}`
}

function expectInOrder(elements: readonly Element[], groupOf: (element: Element) => string): void {
  const last = new Map<string, string>()
  for (const element of elements) {
    const [position = '', ordinal = ''] = placeOf(element)?.split('/') ?? []
    const place = `${position}/${ordinal.padStart(6, '0')}`
    expect(place >= (last.get(groupOf(element)) ?? ''), `${groupOf(element)} at ${place}`).toBe(true)
    last.set(groupOf(element), place)
  }
}

/** Some turns of the event loop: later than what waits fewer. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count * 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}
