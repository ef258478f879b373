/** Who reads our messages by their schemas, as every consumer on Kafka Connect does, has the values that stand in them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareRecords, describe as told, explain, parseRecord } from '../../../test/debezium/compare.ts'
import { BY_SCHEMA } from '../../../test/debezium/known-differences.ts'
import { VALUE_SETS } from '../../../test/debezium/option-sets.ts'
import { messagesWith, readChanges } from '../../../test/debezium/read-both.ts'
import { typeWorkload } from '../../../test/debezium/type-workload.ts'
import { readBySchema } from '../../../test/servers/debezium.ts'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'

const [major = 18] = testedMajors()

let server: PostgresServer
beforeAll(async () => void (server = await startPostgres(major)))
afterAll(async () => server.stop())

test('every type, read by its schema', { timeout: 300_000 }, async ({ signal }) => {
  const { batches } = await readChanges(server, { workload: typeWorkload(major), sets: {}, signal })
  const { schemas, doubles, strings, adaptive } = VALUE_SETS
  for (const set of [schemas, doubles, strings, adaptive]) {
    const options = { type: 'debezium', 'topic.prefix': 'srv', 'event.converting.failure.handling.mode': 'warn', ...set }
    const messages = (await messagesWith(options, batches)).filter(({ value }) => value !== null)
    const read = await readBySchema(messages.map(({ value }) => value ?? ''))
    const theirs = messages.map((message, index) => parseRecord({ ...message, value: read[index] ?? null }))
    const { unexplained } = explain(compareRecords(theirs, messages.map(parseRecord)), BY_SCHEMA)
    expect([...new Set(unexplained.map(told))]).toEqual([])
    expect(messages.length).toBeGreaterThan(200)
  }
})
