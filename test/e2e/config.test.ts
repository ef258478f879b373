/** What a program gets to read of a configuration: valid or not, every finding as fields. */
import { expect, test } from 'vitest'
import { folderWith, millrace } from '../../src/cli/run-cli.fixture.ts'

const VALID = 'name: shop\nsource: { type: postgres, url: "postgres://ada:s3cret@db/shop" }\nsinks: [{ type: discard }]\n'

test('`config validate --json` is one object with exit code 0 or 2', async () => {
  const cwd = folderWith({ 'millrace.yaml': VALID, 'wrong.yaml': `${VALID}bacth: {}\n`, 'broken.yaml': 'name: "x\n' })
  const good = await millrace(['config', 'validate', '--json'], { cwd })
  expect({ ...good, stdout: JSON.parse(good.stdout) as unknown }).toEqual({
    code: 0,
    stdout: { ok: true, name: 'shop', error: null, findings: [] },
    stderr: '',
  })
  const wrong = await millrace(['config', 'validate', '--json', '-c', 'wrong.yaml'], { cwd })
  expect(wrong).toMatchObject({ code: 2, stderr: '' })
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    ok: false,
    error: 'CONFIG_INVALID',
    findings: [{ path: 'bacth', line: 4, column: 1, nearest: 'batch', allowed: expect.stringContaining('snapshot') }],
  })
  const broken = await millrace(['config', 'validate', '--json', '-c', 'broken.yaml'], { cwd })
  expect(JSON.parse(broken.stdout)).toMatchObject({ ok: false, error: 'CONFIG_SYNTAX', findings: [{ line: expect.any(Number) }] })
})

test.each([
  ['run', '--log', 'json'],
  ['check', '--json'],
])('%s %s %s tells a wrong configuration as fields, too', async (...args) => {
  const cwd = folderWith({ 'millrace.yaml': `${VALID}bacth: {}\n` })
  const { code, stdout, stderr } = await millrace(args, { cwd })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({ level: 'error', code: 'CONFIG_INVALID', findings: [{ path: 'bacth', nearest: 'batch' }] })
})

test('a folder that is not there is found by `config validate` without anything being opened', async () => {
  const cwd = folderWith({ 'millrace.yaml': VALID.replace('{ type: discard }', '{ type: duckdb, path: ./no/shop.duckdb }') })
  const { code, stderr } = await millrace(['config', 'validate'], { cwd })
  expect(code).toBe(2)
  expect(stderr).toMatch(/millrace\.yaml:3:\d+ {2}sinks\[0\]\.path is in a folder that is not there/)
})

test('without a file the error says what writes one', async () => {
  const { code, stderr } = await millrace(['config', 'validate'], { cwd: folderWith({}) })
  expect(code).toBe(2)
  expect(stderr).toContain('There is no millrace.yaml here. Name a configuration by -c FILE, write one by `millrace init`.')
})
