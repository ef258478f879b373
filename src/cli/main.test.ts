import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../errors/table.ts'
import { folderWith, millrace, ROOT } from './run-cli.fixture.ts'

const SHOP = `name: shop
source: { type: postgres, url: "postgres://ada:s3cret@127.0.0.1:1/shop" }
sinks: [{ type: file, path: ./out }]
`

/** Every failure: its exit code, nothing on stdout, no stack, and the four lines of an error. */
function expectError(result: Awaited<ReturnType<typeof millrace>>, code: keyof typeof ERRORS, exit = 2): void {
  expect(result.stderr).toMatch(
    new RegExp(`^error: [\\s\\S]*\\n  code  ${code}\\n  hint  .+\\n  docs  docs/reference/errors.md#${code.toLowerCase()}\\n$`),
  )
  expect(result).toMatchObject({ code: exit, stdout: '' })
  expect(result.stderr).not.toMatch(/\n\s+at |s3cret/)
}

describe('bad usage', () => {
  test.each([
    [['rnu'], 'did you mean run?'],
    [['run', '--utnil', 'caught-up'], 'did you mean --until?'],
    [['run', '-c'], 'argument missing'],
    [['run', '--mode', 'sideways'], 'Allowed choices are both, snapshot, stream'],
    [['run'], '-c FILE'],
    [['run', 'postgres://127.0.0.1:1/shop'], 'No sink'],
    [['run', '-c', 'a.yaml', 'postgres://127.0.0.1:1/shop'], 'not both'],
    [['config', 'prnit'], 'Allowed choices are schema, print, validate'],
  ])('%j exits with 2 and says %s', async (args, words) => {
    const result = await millrace(args, { cwd: folderWith({}) })
    expectError(result, 'CLI_USAGE')
    expect(result.stderr).toContain(words)
  })

  test('a command that only holds others tells them, and hints name the innermost', async () => {
    const alone = await millrace(['schema'])
    expect(alone).toMatchObject({ code: 2, stdout: expect.stringContaining('generate [options]'), stderr: '' })
    const inner = await millrace(['snapshot', 'verify', '--nope'])
    expectError(inner, 'CLI_USAGE')
    expect(inner.stderr).toContain('millrace snapshot verify --help')
  })

  test('tail without a URL looks at the database of the configuration that lies there', async () => {
    expect((await millrace(['tail', 'users'], { cwd: folderWith({ 'millrace.yaml': SHOP }) })).stderr).toContain('SOURCE_UNREACHABLE')
    const nowhere = await millrace(['tail'], { cwd: folderWith({}) })
    expectError(nowhere, 'CLI_USAGE')
    expect(nowhere.stderr).toContain('There is no millrace.yaml here')
  })

  test('a sink that is not in the configuration is named with the nearest', async () => {
    const result = await millrace(['run', '-c', 'shop.yaml', '--sink', 'fiel'], { cwd: folderWith({ 'shop.yaml': SHOP }) })
    expectError(result, 'CLI_USAGE')
    expect(result.stderr).toContain('did you mean file?')
  })

  test('a position that is none, a sink URL that names none and a source URL that is none', async () => {
    const cwd = folderWith({ 'shop.yaml': SHOP })
    expectError(await millrace(['run', '-c', 'shop.yaml', '--until', 'soon'], { cwd }), 'POSITION_INVALID')
    const sink = await millrace(['run', 'postgres://ada:s3cret@127.0.0.1:1/shop', 'duckbd:./x'], { cwd })
    expectError(sink, 'SINK_URL_INVALID')
    expect(sink.stderr).toContain('did you mean duckdb:?')
    expectError(await millrace(['run', 'mysql://ada:s3cret@127.0.0.1/shop', 'stdout:'], { cwd }), 'SOURCE_URL_INVALID')
  })

  test('with --log json an error is one object, in bad usage too', async () => {
    const result = await millrace(['run', '--log', 'json', '--nope'])
    const error = JSON.parse(result.stderr) as Record<string, string>
    expect(Object.keys(error)).toEqual(['level', 'code', 'message', 'hint', 'docs'])
    expect(error).toMatchObject({ code: 'CLI_USAGE', docs: 'docs/reference/errors.md#cli_usage' })
  })
})

describe('bad configurations', () => {
  test('every finding is named at once, with what is allowed and the nearest name', async () => {
    const text = `name: My Shop
source: { type: postgres, url: "postgres://ada:s3cret@127.0.0.1:1/shop", tabels: ["a.*"], keyless: ignore }
snapshot: { parallel: 400, chunkSize: huge }
bacth: { maxSize: 1MB }
sinks:
  - { type: duckbd, path: ./x.duckdb }
  - { type: file }
  - { type: file, path: ./y, format: nativ }
`
    const result = await millrace(['run', '-c', 'shop.yaml'], { cwd: folderWith({ 'shop.yaml': text }) })
    expectError(result, 'CONFIG_INVALID')
    for (const finding of [
      'name must be 1 to 46 of the characters a-z, 0-9 and _',
      'source.tabels is not known; did you mean tables?',
      'source.keyless must be one of refuse, insert-only',
      'snapshot.parallel must be a whole number from 1 to 64',
      "snapshot.chunkSize must be a size such as '512kB'",
      'bacth is not known; did you mean batch?',
      '; did you mean duckdb?',
      'sinks[1].path is required',
      'sinks[2].name must be unique; sinks[1] is named file too',
      'native; did you mean native?',
    ])
      expect(result.stderr).toContain(finding)
  })

  test('a file that is not there, a folder, broken YAML and broken JSON', async () => {
    const cwd = folderWith({ 'broken.yaml': 'name: "s3cret\nsource: [', 'broken.json': '{"name": s3cret: }' })
    mkdirSync(join(cwd, 'folder'))
    expectError(await millrace(['run', '-c', 'none.yaml'], { cwd }), 'CONFIG_NOT_FOUND')
    for (const path of ['folder', 'broken.yaml', 'broken.json']) expectError(await millrace(['run', '-c', path], { cwd }), 'CONFIG_SYNTAX')
  })

  test('an empty file and a list are configurations without anything', async () => {
    const cwd = folderWith({ 'empty.yaml': '', 'list.yaml': '- 1\n' })
    for (const path of ['empty.yaml', 'list.yaml'])
      expectError(await millrace(['config', 'validate', '-c', path], { cwd }), 'CONFIG_INVALID')
  })

  test('secrets that are not there are named, all of them', async () => {
    const text = SHOP.replace('ada:s3cret', '${env:SHOP_USER}:${file:secret.txt}')
    const result = await millrace(['run', '-c', 'shop.yaml'], { cwd: folderWith({ 'shop.yaml': text }), env: { SHOP_USER: '' } })
    expectError(result, 'CONFIG_SECRET_MISSING')
    expect(result.stderr).toContain('${file:secret.txt}')
    const both = await millrace(['run', '-c', 'shop.yaml'], { cwd: folderWith({ 'shop.yaml': text.replace('SHOP_USER', 'SHOP_NOBODY') }) })
    expect(both.stderr).toContain('needs ${env:SHOP_NOBODY}: the environment variable SHOP_NOBODY is not set')
    expect(both.stderr).toContain("export SHOP_NOBODY='…'")
    expect(both.stderr).toContain('needs ${file:secret.txt}: the file')
  })
})

test('missing secrets are told together with everything else that is wrong', async () => {
  const yaml = 'name: shop\nsource: { type: postgres, url: "${env:SHOP_URL}", tabels: [a.b] }\nsinks: [{ type: file, path: ./out }]\n'
  const result = await millrace(['config', 'validate', '-c', 'shop.yaml'], { cwd: folderWith({ 'shop.yaml': yaml }) })
  expectError(result, 'CONFIG_INVALID')
  expect(result.stderr).toContain('shop.yaml:2:32  source.url needs ${env:SHOP_URL}: the environment variable SHOP_URL is not set')
  expect(result.stderr).toContain('source.tabels is not known; did you mean tables?')
  expect(result.stderr.match(/source\.url/g)).toHaveLength(1)
})

test('a word that is no URL is said to be none', async () => {
  const result = await millrace(['run', 'nonsense', 'stdout:'], { cwd: folderWith({}) })
  expectError(result, 'SOURCE_URL_INVALID')
  expect(result.stderr).toContain('nonsense is not a URL of a known source (postgres://…)')
})

describe('secrets', () => {
  test('`config print` shows defaults, leaves references as written and hides passwords', async () => {
    const text = SHOP.replace('shop"', 'shop?sslpassword=s3cret2"') + 'state: ./${env:STATE_NAME}.db\n'
    const result = await millrace(['config', 'print', '-c', 'shop.yaml'], {
      cwd: folderWith({ 'shop.yaml': text }),
      env: { STATE_NAME: 's3cret3' },
    })
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).toContain('postgres://ada:***@127.0.0.1:1/shop?sslpassword=***')
    expect(result.stdout).toContain('./${env:STATE_NAME}.db')
    expect(result.stdout).toContain('chunkSize: 4MB')
    expect(result.stdout).toContain('format: native')
    expect(result.stdout).not.toContain('s3cret')
  })

  test('the password is printed nowhere when the database cannot be reached, not even by --verbose', async () => {
    const cwd = folderWith({ 'shop.yaml': SHOP })
    for (const args of [
      ['check', '-c', 'shop.yaml', '--verbose'],
      ['status', '-c', 'shop.yaml', '--verbose', '--json'],
      ['verify', '-c', 'shop.yaml', '--verbose'],
    ]) {
      const result = await millrace(args, { cwd })
      expect(result.code).toBe(1)
      expect(result.stdout + result.stderr).not.toContain('s3cret')
    }
  })
})

describe('start', () => {
  test.each(['version', '--version', '-V'])('`%s` prints the version', async (word) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect(await millrace([word])).toEqual({ code: 0, stdout: `millrace ${version}\n`, stderr: '' })
  })

  test('`version` loads what it prints and nothing else: that is what makes it fast', async () => {
    const script = `process.argv = [process.argv[0], 'millrace', 'version'];
      const { registerHooks } = await import('node:module');
      registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } });
      await import(${JSON.stringify(join(ROOT, 'src/cli/millrace.ts'))})`
    const loaded = await millrace(['--input-type=module', '-e', script].slice(1), { bin: '--input-type=module' })
    expect(loaded.stdout).toContain('millrace ')
    expect(loaded.stderr).toContain('version.ts')
    expect(loaded.stderr).not.toMatch(/node_modules\//)
  })

  test('what was compiled is kept in the user’s own cache folder, where there is one that can be written', async () => {
    const bin = join(ROOT, 'dist/cli/millrace.js')
    if (!existsSync(join(ROOT, 'dist/cli/compile-cache.js'))) return
    const cache = folderWith({})
    const done = await millrace(['version'], { bin, env: { XDG_CACHE_HOME: cache, NODE_COMPILE_CACHE: '' } })
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(cache, 'millrace'))).toHaveLength(1)
    const nowhere = { XDG_CACHE_HOME: join(cache, 'file'), HOME: '/dev/null' }
    writeFileSync(join(cache, 'file'), '')
    expect(await millrace(['version'], { bin, env: nowhere })).toMatchObject({ code: 0, stderr: '' })
  })

  test('an old Node is told so in plain words, by either entry', async () => {
    const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && isOld(path))
    const table = ERRORS.NODE_TOO_OLD
    const bin = readFileSync(join(ROOT, 'src/cli/millrace.ts'), 'utf8')
    expect(bin).toContain(table.hint)
    expect(bin).toContain(table.message.split('{version}')[0])
    if (old === undefined || !existsSync(join(ROOT, 'dist/cli/main.js'))) return
    for (const entry of ['millrace.js', 'main.js'])
      expectError(await millrace(['version'], { node: old, bin: join(ROOT, 'dist/cli', entry) }), 'NODE_TOO_OLD')
  })

  test('nothing to do prints the help and exits with 2', async () => {
    const result = await millrace([])
    expect(result.code).toBe(2)
    expect(result.stdout).toContain('Usage: millrace')
  })

  test('`check` names every finding with its remedy, and exits with 1', async () => {
    const result = await millrace(['check', '-c', 'shop.yaml', '--json'], { cwd: folderWith({ 'shop.yaml': SHOP }) })
    const report = JSON.parse(result.stdout) as { ok: boolean; findings: { code: string; severity: string; hint: string | null }[] }
    expect(result.code).toBe(1)
    expect(report.ok).toBe(false)
    expect(report.findings).toContainEqual(
      expect.objectContaining({ code: 'SOURCE_UNREACHABLE', severity: 'error', hint: expect.stringMatching(/host/) }),
    )
  })

  test('`drop` does nothing where nobody can answer and --yes is not given', async () => {
    expectError(await millrace(['drop', '-c', 'shop.yaml'], { cwd: folderWith({ 'shop.yaml': SHOP }) }), 'CLI_USAGE')
  })
})

function isOld(node: string): boolean {
  const [major = 0, minor = 0] = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number)
  return major < 22 || (major === 22 && minor < 18)
}
