/** What `npm run new:sink` writes works as it is: in a copy of the checkout, with every check that a sink of ours has to pass. */
import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { folderWith, ROOT } from '../../src/cli/run-cli.fixture.ts'
import { run } from './package.fixture.ts'

const COPIED = [
  'package.json',
  'package-lock.json',
  'src',
  'scripts',
  'test',
  'tsconfig.json',
  'vitest.config.ts',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'docs',
]
const NAME = 'paper-roll'
const FOLDER = `src/sinks/${NAME}`
const node = (cwd: string, ...args: string[]) => run(process.execPath, args, { cwd })

let copy: string
beforeAll(async () => {
  copy = folderWith({})
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  expect(await run('npm', ['run', '--silent', 'new:sink', NAME], { cwd: copy })).toMatchObject({ status: 0, stderr: '' })
}, 120_000)

test('it is formatted, linted and compiled', { timeout: 180_000 }, async () => {
  expect(readdirSync(join(copy, FOLDER)).sort()).toEqual(['config.ts', 'conformance.test.ts', 'definition.ts', 'errors.ts', 'sink.ts'])
  expect(await node(copy, 'node_modules/oxfmt/bin/oxfmt', '--check', FOLDER)).toMatchObject({ status: 0 })
  expect(await node(copy, 'node_modules/oxlint/bin/oxlint', FOLDER)).toMatchObject({ status: 0 })
  const { stdout } = await node(copy, 'node_modules/typescript/bin/tsc', '-p', '.', '--noEmit')
  expect(stdout.split('\n').filter((line) => line.includes(NAME))).toEqual([])
})

test('it is found by `npm run generate`, and has its place in the reference', async () => {
  // npm itself may have something to say about the machine's settings.
  const generated = await run('npm', ['run', '--silent', 'generate'], { cwd: copy })
  expect(generated.status, generated.stderr).toBe(0)
  expect(readFileSync(join(copy, 'src/registry.ts'), 'utf8')).toContain(`'${NAME}': async () =>`)
  expect(readFileSync(join(copy, 'docs/reference/config.md'), 'utf8')).toContain(`### \`sinks[].type: ${NAME}\``)
  expect(readFileSync(join(copy, 'docs/reference/capabilities.md'), 'utf8')).toContain(`\`${NAME}\``)
})

test('its conformance runs and passes, and the rules of the house hold', async () => {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'all']
  const { stdout, stderr, status } = await node(copy, ...vitest, `${FOLDER}/conformance.test.ts`, 'test/layers.test.ts')
  expect(status, stderr).toBe(0)
  const passed = Number(/(\d+) passed, 0 failed, 0 skipped/.exec(stdout)?.[1])
  expect(passed).toBeGreaterThan(60)
}, 180_000)

test.each([['Paper_Roll'], [NAME], ['']])('%j is refused, and nothing is written', async (name) => {
  const before = readdirSync(join(copy, 'src/sinks'))
  const { status, stderr } = await node(copy, 'scripts/new-sink.ts', name)
  expect(status).toBe(2)
  expect(stderr).toMatch(/there already|Usage/)
  expect(readdirSync(join(copy, 'src/sinks'))).toEqual(before)
})
