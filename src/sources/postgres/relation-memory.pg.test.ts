import { expect, test } from 'vitest'
import { startPostgres, testedMajors } from '../../../test/servers.ts'
import type { SourceControl } from '../../contracts/source.ts'
import { postgresConfig, type PostgresConfig } from './config.ts'
import { memoryState } from './memory-state.fixture.ts'
import { openPostgres } from './source.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

test.each(testedMajors())('what changed while nobody read is read again, on Postgres %i', async (major) => {
  await using server = await startPostgres(major)
  const state = memoryState()
  const open = (config: Partial<PostgresConfig> = {}) =>
    openPostgres(postgresConfig.parse({ url: server.url(), ...config }), {
      pipeline: 'p',
      batchBytes: 1e6,
      keyNeededBy: null,
      state,
      log: silent,
    })
  await server.query('CREATE TABLE public.a(id int PRIMARY KEY, v int); CREATE TABLE public.b(id int PRIMARY KEY, v int)')

  /** The controls of a reading, up to the first change of `b` with this id. */
  async function readUntil(id: number, config: Partial<PostgresConfig> = {}) {
    await using source = await open(config)
    const log = await source.inspect()
    const from = log.reader?.confirmed ?? (await source.begin()).position
    await server.query(`INSERT INTO public.b(id) VALUES (${id})`)
    const controls: string[] = []
    const abort = new AbortController()
    for await (const item of source.read(from, abort.signal)) {
      if (item.kind === 'control') controls.push(told(item))
      else if (item.changes.some((change) => change.op === 'insert' && change.table.name === 'b' && change.after[0] === id)) break
    }
    abort.abort()
    return controls
  }
  const told = (control: SourceControl) => `${control.table.name}${control.reread ? ' again' : ''}`

  expect(await readUntil(1)).toEqual(['b'])
  // `a` was quiet so far: no message ever told of it.
  await server.query('ALTER TABLE public.a ADD x float DEFAULT random(); INSERT INTO public.a VALUES (1, 1)')
  expect(await readUntil(2)).toContain('a again')
  // Nothing was acknowledged: the same is told again.
  expect(await readUntil(3)).toContain('a again')
  // The publication is altered as a reading starts, after the row was written: 5 was sent without `v`, 6 with it.
  await readUntil(4, { columns: { 'public.b': ['id'] } })
  await readUntil(5)
  if (major >= 15) expect(await readUntil(6)).toContain('b again')
})
