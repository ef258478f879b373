import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPostgres, testedMajors, type PostgresServer } from '../servers.ts'
import { runModel } from './run-model.ts'

/** `MILLRACE_SEEDS=20` runs as many; `MILLRACE_SEED=7` repeats one. */
const count = Number(process.env.MILLRACE_SEEDS ?? 4)
const one = process.env.MILLRACE_SEED
const seeds = one ? [Number(one)] : Array.from({ length: count }, (_, index) => index + 1)

/** A standby that does not exist is waited for by whoever commits with `synchronous_commit = on`. */
export const LIMBO = { synchronous_standby_names: "'nobody'", synchronous_commit: 'local' }

describe.each(testedMajors())('a copy under load from Postgres %i', (major) => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(major, LIMBO)
  })
  afterAll(() => server.stop())

  test.each(seeds)(
    'ends equal to its source and never steps back, seed %i',
    async (seed) => {
      const result = await runModel(server, seed)
      expect(result.violations).toEqual([])
      expect(result.emitted).toBeGreaterThan(500)
    },
    180_000,
  )
})
