import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderWith } from '../src/cli/run-cli.fixture.ts'
import { ROOT } from './source-files.ts'

test('the last line of a run counts tests, and files that fail without one', () => {
  const folder = folderWith({
    'whole.test.mjs': `test('a', () => {}); test('b', () => {}); test.skip('c', () => {}); test('d', () => { throw new Error() })`,
    'hook.test.mjs': `beforeAll(() => { throw new Error() }); test('e', () => {})`,
    'inner-hook.test.mjs': `describe('f', () => { beforeAll(() => { throw new Error() }); test('g', () => {}) })`,
    'unloadable.test.mjs': `throw new Error()`,
  })
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const reporter = join(ROOT, 'test/summary-reporter.ts')
  const { stdout, status } = spawnSync(process.execPath, [vitest, 'run', '--root', folder, '--globals', '--reporter', reporter], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('2 passed, 4 failed, 3 skipped')
  expect(status).toBe(1)
})
