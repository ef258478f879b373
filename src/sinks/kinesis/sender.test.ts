import { describe, expect, test } from 'vitest'
import { createDeferred } from '../../lib/deferred.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import type { KinesisRecord } from './records.ts'
import { createSender, type Sender } from './sender.ts'
import { createMemoryStream, createTroubles, place, senderOptions, unavailable, type Fate } from './stream.fixture.ts'

const record = (partitionKey: string, text: string, bytes = 10): KinesisRecord => ({ partitionKey, data: Buffer.from(text), bytes })

/** 40 keys, 25 records each, as changes come: now this key, now that. */
const KEYS = Array.from({ length: 40 }, (_, at) => `key-${at}`)
const TEXTS = Array.from({ length: 25 }, (_, at) => String(at))
const all = (): KinesisRecord[] => TEXTS.flatMap((text) => KEYS.map((key) => record(key, text)))

async function sendAll(sender: Sender, records: readonly KinesisRecord[]): Promise<void> {
  for (const each of records) sender.add(each)
  sender.start()
  await sender.drained()
}

/** Refuses, loses answers and fails as the seed has it, but no record more often than it is sent again. */
function troubled(seed: number): (count: number, records: readonly KinesisRecord[]) => Fate {
  const { isDue, random } = createTroubles(seed, 4)
  const idOf = ({ partitionKey, data }: KinesisRecord) => `${partitionKey} ${String(data)}`
  return (_, records) => {
    if (isDue(0.3, records.map(idOf))) return { fail: unavailable(), isStoredAllTheSame: random() < 0.5 }
    const refused = records.map((each) => isDue(0.4, [idOf(each)]))
    return { refuse: (index) => refused[index] === true }
  }
}

describe('the sender', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'loses nothing and never puts a later record of a key before an earlier one, whatever fails: %i',
    async (seed) => {
      const stream = createMemoryStream(troubled(seed * 7919))
      await using sender = createSender(senderOptions(stream.put))
      await sendAll(sender, all())
      const texts = stream.textsByKey()
      expect([...texts.keys()].sort()).toEqual([...KEYS].sort())
      // A record may lie there twice, but only beside itself.
      for (const ofKey of texts.values()) expect(ofKey.filter((text, at) => text !== ofKey[at - 1])).toEqual(TEXTS)
      expect(stream.stored.length).toBeGreaterThan(KEYS.length * TEXTS.length)
    },
  )

  test.each([1, 2, 3])('with many of a key in a request, every record has all later ones of its key behind it: %i', async (seed) => {
    const stream = createMemoryStream(troubled(seed * 104729))
    await using sender = createSender(senderOptions(stream.put, { perKey: 500 }))
    await sendAll(sender, all())
    for (const ofKey of stream.textsByKey().values()) {
      const lasts = TEXTS.map((text) => ofKey.lastIndexOf(text))
      expect(lasts).not.toContain(-1)
      expect(lasts).toEqual(lasts.toSorted((a, b) => a - b))
    }
  })

  test('sends what was refused alone, not the request again', async () => {
    const stream = createMemoryStream((count) => (count === 1 ? { refuse: (index) => index === 1 || index === 3 } : {}))
    const repeats: unknown[] = []
    await using sender = createSender(senderOptions(stream.put, { repeated: (repeat) => repeats.push(repeat) }))
    await sendAll(
      sender,
      ['a', 'b', 'c', 'd'].map((key) => record(key, key)),
    )
    expect(stream.requests.map((records) => records.map(({ partitionKey }) => partitionKey).join(''))).toEqual(['abcd', 'bd'])
    expect(repeats).toMatchObject([{ count: 2, attempt: 1, waitMs: 0, reason: { code: 'SINK_STREAM_THROTTLED' } }])
  })

  test('says that all is stored only when the last record is', async () => {
    const answer = createDeferred<void>()
    await using sender = createSender(
      senderOptions(async () => {
        await answer.promise
        return new Map()
      }),
    )
    sender.add(record('a', '1'))
    sender.start()
    let isDrained = false
    const drained = sender.drained().then(() => (isDrained = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isDrained).toBe(false)
    answer.resolve()
    await drained
  })

  test('never says that all is stored when it was closed before', async () => {
    const stream = createMemoryStream()
    const sender = createSender(senderOptions(stream.put))
    sender.add(record('a', '1'))
    const drained = sender.drained()
    await Promise.all([expect(drained).rejects.toMatchObject({ code: 'BUG' }), sender[Symbol.asyncDispose]()])
    await expect(sender.drained()).rejects.toMatchObject({ code: 'BUG' })
    expect(stream.stored).toEqual([])
  })

  test('gives up with the last reason where nothing of a request is stored again and again, pausing longer each time', async () => {
    const pauses: number[] = []
    const failures: MillraceError[] = []
    const stream = createMemoryStream(() => ({ refuse: () => true }))
    const pauseMs = (count: number) => (pauses.push(count), 0)
    await using sender = createSender(senderOptions(stream.put, { pauseMs, failed: (error) => failures.push(error) }))
    await expect(sendAll(sender, [record('a', '1')])).rejects.toMatchObject({ code: 'SINK_STREAM_THROTTLED', kind: 'transient' })
    expect(pauses).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(failures).toHaveLength(1)
    await expect(sender.room()).rejects.toMatchObject({ code: 'SINK_STREAM_THROTTLED' })
  })

  test('goes on without end where some of each request is stored', async () => {
    const stream = createMemoryStream((count) => ({ refuse: (index) => index > 0 || count % 2 === 0 }))
    await using sender = createSender(senderOptions(stream.put, { requests: 1 }))
    await sendAll(
      sender,
      Array.from({ length: 50 }, (_, at) => record(`key-${at}`, '1')),
    )
    expect(stream.stored).toHaveLength(50)
  })

  test('stops at once at what needs a person, and sends nothing after it', async () => {
    const missing = new MillraceError('SINK_STREAM_MISSING', place)
    const stream = createMemoryStream(() => ({ fail: missing }))
    await using sender = createSender(senderOptions(stream.put))
    await expect(sendAll(sender, [record('a', '1'), record('a', '2')])).rejects.toBe(missing)
    sender.add(record('b', '1'))
    sender.start()
    expect(stream.requests).toHaveLength(1)
  })

  test('is full at its bound, and has room when enough is stored', async () => {
    const stream = createMemoryStream()
    await using sender = createSender(senderOptions(stream.put))
    sender.add(record('a', '1', 9 * 1024 * 1024))
    expect(sender.isFull).toBe(true)
    sender.start()
    await sender.room()
    expect(sender.isFull).toBe(false)
  })

  test('ends a pause when it is closed, and waits for the request under way', async () => {
    const answer = createDeferred<void>()
    const paused = createDeferred<void>()
    let isAnswered = false
    const stream = createMemoryStream((count) => ({ refuse: () => count === 1 }))
    const put: typeof stream.put = async (records) => {
      if (records[0]?.partitionKey !== 'b') return stream.put(records)
      await answer.promise
      isAnswered = true
      return new Map()
    }
    const pauseMs = () => (paused.resolve(), 3_600_000)
    const sender = createSender(senderOptions(put, { pauseMs }))
    sender.add(record('a', '1'))
    sender.start()
    await paused.promise
    sender.add(record('b', '1'))
    sender.start()
    const closed = sender[Symbol.asyncDispose]()
    answer.resolve()
    await closed
    expect(isAnswered).toBe(true)
    expect(stream.requests).toHaveLength(1)
  })
})
