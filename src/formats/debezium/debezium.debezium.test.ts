/**
 * Debezium and Millrace read one log, and their records are the same but for what test/debezium/known-differences.ts lists. Each set of
 * properties is given to both.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareSets, SAME } from '../../../test/debezium/compare-sets.ts'
import { compareRecords, describe as told, explain, parseRecord } from '../../../test/debezium/compare.ts'
import { ALWAYS, BY_SCHEMA, OF_COPIES, OF_ROWS, OF_TYPES } from '../../../test/debezium/known-differences.ts'
import { RECORD_SETS, VALUE_SETS } from '../../../test/debezium/option-sets.ts'
import { comparedMajors, messagesWith, readChanges, readRows } from '../../../test/debezium/read-both.ts'
import { ROW_WORKLOAD } from '../../../test/debezium/row-workload.ts'
import { typeWorkload } from '../../../test/debezium/type-workload.ts'
import { readBySchema } from '../../../test/servers/debezium.ts'
import { startPostgres, type PostgresServer } from '../../../test/servers.ts'

/** The first time on a machine Debezium is fetched. */
const PATIENCE = { timeout: 300_000 }

describe.each(comparedMajors())('beside Debezium, on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(async () => server.stop())

  test('every kind of change', PATIENCE, async ({ signal }) => {
    const read = await readChanges(server, { workload: ROW_WORKLOAD, sets: RECORD_SETS, signal })
    const { unexplained, unused, records } = await compareSets({
      type: 'debezium',
      sets: RECORD_SETS,
      read,
      major,
      known: [...ALWAYS, ...OF_ROWS],
    })
    expect(unexplained).toEqual([])
    expect(unused).toEqual([])
    expect(records).toBeGreaterThan(500)
  })

  test('every type', PATIENCE, async ({ signal }) => {
    const read = await readChanges(server, { workload: typeWorkload(major), sets: VALUE_SETS, signal })
    const { unexplained, unused, records } = await compareSets({
      type: 'debezium',
      sets: VALUE_SETS,
      read,
      major,
      known: [...ALWAYS, ...OF_TYPES],
    })
    expect(unexplained).toEqual([])
    expect(unused).toEqual([])
    expect(records).toBeGreaterThan(1000)
  })
  test('every type in a copy', PATIENCE, async ({ signal }) => {
    const { plain = {}, strings = {} } = VALUE_SETS
    const sets = { plain, strings }
    // Two that end Debezium's copy with an error.
    const workload = typeWorkload(major, ['v_interval', 'v_refcursor'])
    const read = await readRows(server, { workload, sets, signal })
    const { unexplained, records } = await compareSets({
      type: 'debezium',
      sets,
      read,
      major,
      known: [...ALWAYS, ...OF_TYPES, ...OF_COPIES],
    })
    expect(unexplained).toEqual([])
    expect(records).toBeGreaterThan(200)
  })

  test('every type, read by its schema as every consumer on Kafka Connect does', PATIENCE, async ({ signal }) => {
    const { batches } = await readChanges(server, { workload: typeWorkload(major), sets: {}, signal })
    const { schemas, doubles, strings, adaptive } = VALUE_SETS
    for (const set of [schemas, doubles, strings, adaptive]) {
      const messages = (await messagesWith({ type: 'debezium', ...SAME, ...set }, batches)).filter(({ value }) => value !== null)
      const read = await readBySchema(messages.map(({ value }) => value ?? ''))
      const theirs = messages.map((message, index) => parseRecord({ ...message, value: read[index] ?? null }))
      const { unexplained } = explain(compareRecords(theirs, messages.map(parseRecord)), BY_SCHEMA)
      expect([...new Set(unexplained.map(told))]).toEqual([])
      expect(messages.length).toBeGreaterThan(200)
    }
  })
})
