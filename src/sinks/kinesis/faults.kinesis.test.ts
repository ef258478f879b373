import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startKinesisFaults, type KinesisFate, type KinesisRequest } from '../../../test/servers/kinesis-faults.ts'
import { startKinesalite, type KinesaliteServer } from '../../../test/servers/kinesalite.ts'
import type { Sink } from '../../contracts/sink.ts'
import { batchOf, updateOf, userRow, usersTable } from '../../testing/fixtures.ts'
import type { KinesisConfig } from './config.ts'
import { definition } from './definition.ts'
import { createTroubles } from './stream.fixture.ts'
import { createStream, sinkContext, textsByKey, type TestStream } from './stream-server.fixture.ts'

const users = usersTable()
const { signal } = new AbortController()
const KEYS = 30
const ROUNDS = 8
const partitionKey = '${row.id}'

let server: KinesaliteServer
let stream: TestStream
beforeAll(async () => {
  server = await startKinesalite()
}, 300_000)
afterAll(() => server?.stop())
beforeEach(async () => {
  stream = await createStream(server.settings)
})
afterEach(() => stream?.remove())

/** Every row is changed in every round, twice in the same batch. */
async function writeRounds(sink: Sink, rounds: readonly number[]): Promise<void> {
  for (const round of rounds) {
    const rows = (name: string) => Array.from({ length: KEYS }, (_, id) => userRow(id, name))
    const changes = [...rows(`${round}a`).map((row) => updateOf(users, row)), ...rows(`${round}b`).map((row) => updateOf(users, row))]
    await sink.write(batchOf(round, ...changes), signal)
  }
  await sink.flush(signal)
}

const ALL_ROUNDS = Array.from({ length: ROUNDS }, (_, at) => at)
/** What the reader of one row must see. */
const EXPECTED = ALL_ROUNDS.flatMap((round) => [`${round}a`, `${round}b`])

/** Of each row, the names that it had, a record that comes again right after itself told once. */
async function namesByRow(): Promise<Map<string, string[]>> {
  const texts = textsByKey(await stream.records())
  // A line of the plain format: what, where, of which table, and its values as text.
  const nameOf = (text: string) => /\d+[ab]/.exec((JSON.parse(text) as string[])[3] ?? '')?.[0] ?? text
  return new Map([...texts].map(([key, lines]) => [key, lines.map(nameOf).filter((name, at, names) => name !== names[at - 1])]))
}

async function expectEverythingInOrder(): Promise<void> {
  const names = await namesByRow()
  expect([...names.keys()].sort()).toEqual(Array.from({ length: KEYS }, (_, id) => String(id)).sort())
  for (const [key, ofRow] of names) expect(ofRow, `row ${key}`).toEqual(EXPECTED)
}

/** Runs with a fault layer between sink and service; returns what it saw. */
async function through(
  fate: (request: KinesisRequest) => KinesisFate,
  more: Partial<KinesisConfig> = {},
): Promise<readonly KinesisRequest[]> {
  const proxy = await startKinesisFaults(
    ({ action, records }) => (action === 'PutRecords' ? fate({ action, records }) : 'pass'),
    server.settings.endpoint,
  )
  const sink = await definition.open(stream.settings({ endpoint: proxy.url, partitionKey, ...more }), sinkContext())
  try {
    await writeRounds(sink, ALL_ROUNDS)
    return proxy.seen.filter(({ action }) => action === 'PutRecords')
  } finally {
    await sink[Symbol.asyncDispose]()
    await proxy.stop()
  }
}

const THROTTLED: KinesisFate = { refuse: 'ProvisionedThroughputExceededException', status: 400 }
const FAILED: KinesisFate = { refuse: 'InternalFailureException', status: 500 }

describe('through faults, the sink kinesis loses nothing and keeps the order of each row', () => {
  test('when records of a request are refused', async () => {
    const { isDue } = createTroubles(11, 2)
    const seen = await through(({ records }) => ({ refuseRecords: records.flatMap(({ Data }, at) => (isDue(0.3, [Data]) ? [at] : [])) }))
    await expectEverythingInOrder()
    expect(await stream.records()).toHaveLength(KEYS * EXPECTED.length)
    const sent = seen.reduce((sum, { records }) => sum + records.length, 0)
    expect(sent).toBeGreaterThan(KEYS * EXPECTED.length)
  })

  test.each<[string, KinesisFate]>([
    ['whole requests are throttled', THROTTLED],
    ['the service fails', FAILED],
    ['connections are cut', 'cut'],
  ])('when %s', async (_, fate) => {
    const { isDue } = createTroubles(13, 2)
    await through(({ records }) =>
      isDue(
        0.3,
        records.map(({ Data }) => Data),
      )
        ? fate
        : 'pass',
    )
    await expectEverythingInOrder()
    expect(await stream.records()).toHaveLength(KEYS * EXPECTED.length)
  })

  test('when answers are lost: a record may then lie there twice, but only beside itself', async () => {
    const { isDue } = createTroubles(17, 2)
    await through(({ records }) =>
      isDue(
        0.3,
        records.map(({ Data }) => Data),
      )
        ? 'lose'
        : 'pass',
    )
    await expectEverythingInOrder()
    expect((await stream.records()).length).toBeGreaterThan(KEYS * EXPECTED.length)
  })

  test('when all of it happens', async () => {
    const { isDue, random } = createTroubles(19, 3)
    const fates: readonly KinesisFate[] = [THROTTLED, FAILED, 'cut', 'lose']
    await through(({ records }) => {
      if (
        isDue(
          0.2,
          records.map(({ Data }) => Data),
        )
      )
        return fates[Math.floor(random() * fates.length)] ?? 'cut'
      return { refuseRecords: records.flatMap(({ Data }, at) => (isDue(0.2, [Data]) ? [at] : [])) }
    })
    await expectEverythingInOrder()
  })

  test('while shards are split and merged', async () => {
    const sink = await definition.open(stream.settings({ partitionKey }), sinkContext())
    await writeRounds(sink, ALL_ROUNDS.slice(0, 2))
    await stream.split()
    await writeRounds(sink, ALL_ROUNDS.slice(2, 5))
    await stream.merge()
    await writeRounds(sink, ALL_ROUNDS.slice(5))
    await sink[Symbol.asyncDispose]()
    await expectEverythingInOrder()
    const used = new Set((await stream.records()).map(({ shard }) => shard))
    expect(used.size).toBeGreaterThan(2)
  })
})

describe('with `order: replay`, the sink kinesis', () => {
  test('ends each row at its last change, with every later change behind every earlier one, whatever is refused', async () => {
    const { isDue } = createTroubles(29, 2)
    const fate = ({ records }: KinesisRequest): KinesisFate => ({
      refuseRecords: records.flatMap(({ Data }, at) => (isDue(0.3, [Data]) ? [at] : [])),
    })
    await through(fate, { order: 'replay' })
    for (const [key, names] of await namesByRow()) {
      const lasts = EXPECTED.map((name) => names.lastIndexOf(name))
      expect(lasts, `row ${key}`).not.toContain(-1)
      expect(lasts, `row ${key}`).toEqual(lasts.toSorted((a, b) => a - b))
    }
  })
})
