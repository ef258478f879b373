/** What Debezium's own transform makes of its records, and what our format makes of the same log. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareSets } from '../../../test/debezium/compare-sets.ts'
import { ALWAYS, OF_FLAT_ROWS } from '../../../test/debezium/known-differences.ts'
import { FLAT_SETS, withTransforms } from '../../../test/debezium/option-sets.ts'
import { comparedMajors, readChanges } from '../../../test/debezium/read-both.ts'
import { ROW_WORKLOAD } from '../../../test/debezium/row-workload.ts'
import { startPostgres, type PostgresServer } from '../../../test/servers.ts'

describe.each(comparedMajors())('beside ExtractNewRecordState, on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => void (server = await startPostgres(major)))
  afterAll(async () => server.stop())

  test('every kind of change', { timeout: 300_000 }, async ({ signal }) => {
    const sets = Object.fromEntries(Object.entries(FLAT_SETS).map(([name, set]) => [name, withTransforms(set)]))
    const read = await readChanges(server, { workload: ROW_WORKLOAD, sets, signal })
    const { unexplained, unused, records } = await compareSets({
      type: 'debezium-flat',
      sets: FLAT_SETS,
      read,
      major,
      known: [...ALWAYS, ...OF_FLAT_ROWS],
    })
    expect(unexplained).toEqual([])
    expect(unused).toEqual([])
    expect(records).toBeGreaterThan(500)
  })
})
