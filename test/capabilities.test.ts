/** docs/reference/capabilities.md says which cases stand behind each tick, and what they ran against: here it is held to that. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { casesOf, CLAIMS, claimsOf, proofsOf, SERVERS } from '../scripts/generate-capabilities.ts'
import { FORMATS, SINKS } from '../src/registry.ts'
import { ROOT } from './source-files.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test.each(Object.keys(SINKS))('%s: its conformance runs, with the capabilities that it claims, and skips nothing', async (type) => {
  const proofs = proofsOf('sinks', type)
  expect(proofs.map(({ suite }) => suite)).toContain('sink')
  for (const { path } of proofs) {
    const text = read(path)
    expect(text).toMatch(/definition\.capabilities|\{ capabilities \} = definition/)
    expect(text).not.toMatch(/\.(skip|skipIf|runIf|todo|fails)\(/)
  }
})

test.each(Object.keys(FORMATS))('%s: its conformance runs and skips nothing', (type) => {
  const proofs = proofsOf('formats', type)
  expect(proofs.map(({ suite }) => suite)).toContain('format')
  for (const { path } of proofs) expect(read(path)).not.toMatch(/\.(skip|skipIf|runIf|todo)\(/)
})

test('every claim has cases that are run for it alone, and a claim that is not made has none', () => {
  for (const claim of Object.keys(CLAIMS)) expect(casesOf(claim).length, claim).toBeGreaterThan(0)
  expect(casesOf('no such claim')).toEqual([])
})

test('what is not claimed has no tick', () => {
  const none = { needsKey: true, truncate: false, schemaChanges: false, partialUpdates: false, columnar: false, readable: false } as const
  const capabilities = { ...none, delivery: 'at-least-once', shape: 'changes' } as const
  expect(claimsOf({ capabilities: { ...capabilities, late: false }, isChosen: false })).toEqual(['at least once'])
  expect(claimsOf({ capabilities, isChosen: false })).toEqual(['at least once', 'late'])
  expect(claimsOf({ capabilities: { ...capabilities, shape: 'nothing' }, isChosen: false })).toEqual([])
})

test('CI runs both kinds of test: those that need no other server, and those of each server that is named', () => {
  expect(read('.ci/run')).toMatch(/^npm test\nnpm run test:services$/m)
  const [, listed = ''] = /const otherServers = \[(.*)\]/.exec(read('vitest.config.ts')) ?? []
  // The fault harness needs no other server, but minutes.
  expect(listed.split(', ').sort()).toEqual([...Object.keys(SERVERS), 'chaos'].map((suffix) => `'**/*.${suffix}.test.ts'`).sort())
})
