import { expect, test } from 'vitest'
import { licences } from '../../scripts/generate-licences.ts'

/** Those that ask for no more than to be named. */
const ALLOWED =
  /^\(?(MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|WTFPL|Python-2\.0)( (OR|AND) [\w.-]+)*\)?$/

const { always, optional } = licences()

test('everything that Millrace comes with may be used with it', () => {
  const all = [...always, ...Object.values(optional).flat()]
  expect(all.length).toBeGreaterThan(20)
  expect(all.filter(({ licence }) => !ALLOWED.test(licence))).toEqual([])
})

test('what is always installed is known by name', () => {
  expect(always.map(({ name }) => name)).toEqual(expect.arrayContaining(['pg', 'pg-protocol', 'pino', 'zod', 'undici', 'commander']))
})
