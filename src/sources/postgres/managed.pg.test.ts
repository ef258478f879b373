import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../../../test/servers.ts'
import { checkPostgres } from './check.ts'
import { postgresConfig } from './config.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openPostgres } from './source.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** docs/guides/postgres-rights.md, "The owner makes the publication". */
const RIGHTS = `
  CREATE ROLE etl LOGIN REPLICATION;
  GRANT USAGE ON SCHEMA public TO etl;
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO etl;
  CREATE PUBLICATION shop FOR TABLE public.users`

describe.each(testedMajors([14, 18]))('a role with REPLICATION and SELECT only, on Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major)
    await server.query(`REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE TABLE public.users (id int PRIMARY KEY); ${RIGHTS}`)
  })
  afterAll(() => server.stop())

  test.each([false, true])('follows what the owner published (slot made by the owner: %s)', async (isMade) => {
    const slot = `managed_${isMade}`
    if (isMade) await server.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    const config = postgresConfig.parse({
      url: server.url().replace('postgres@', 'etl@'),
      tables: ['public.users'],
      publication: 'shop',
      slot,
    })
    const context = { pipeline: 'managed', batchBytes: 1e6, keyNeededBy: null, state: memoryState(), log }
    const findings = await checkPostgres(config, context)
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
    await using source = await openPostgres(config, context)
    await source.inspect()
    const { position } = await source.begin()
    const [table] = await source.tables()
    expect(table).toMatchObject({ schema: 'public', name: 'users' })
    await server.query(`INSERT INTO public.users VALUES (${isMade ? 2 : 1})`)
    const stop = new AbortController()
    const ids: unknown[] = []
    for await (const batch of source.read(position, stop.signal)) {
      if (batch.kind === 'changes')
        ids.push(...batch.changes.flatMap((change) => ('after' in change && change.after ? [change.after[0]] : [])))
      if (ids.length > 0) stop.abort()
    }
    expect(ids).toEqual([isMade ? 2 : 1])
    await source.end()
  })
})
