import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { MillraceError, toMillraceError } from '../errors/millrace-error.ts'
import { UNCHANGED } from '../contracts/table.ts'
import { folderWith } from '../cli/run-cli.fixture.ts'
import { configJsonSchema } from './json-schema.ts'
import { resolveConfig } from './load-config.ts'

const CAPABILITIES = `{ delivery: 'at-least-once', shape: 'changes', needsKey: false, truncate: true, schemaChanges: true, partialUpdates: true, columnar: false, readable: false }`
/** Its config is checked by hand: no library is asked for. */
const SCHEMA = `{
  parse: (input) => input,
  safeParse: (input) => typeof input.to === 'string' ? { success: true, data: input } : { success: false, error: new Error('needs to') },
}`
const definition = (more = '') =>
  `{ type: 'lines', summary: 'Lines.', capabilities: ${CAPABILITIES}, config: ${SCHEMA}, open: async () => ({}), ${more} }`
const sink = (more = '') => `export const definition = ${definition(more)}\n`
const FORMAT = `export default { type: 'mine', summary: 'Mine.', config: { parse: (x) => x, safeParse: (data) => ({ success: true, data }) }, create: (config, { pipeline }) => ({ pipeline }) }\n`

const NAMELESS = { name: 'shop', source: { type: 'postgres', url: 'postgres://localhost/shop' } }

async function resolved(files: Record<string, string>, sinks: object[]) {
  const baseDir = folderWith({})
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(baseDir, name)), { recursive: true })
    writeFileSync(join(baseDir, name), text)
  }
  return resolveConfig({ ...NAMELESS, sinks }, { baseDir })
}

async function failure(files: Record<string, string>, sinks: object[]) {
  return resolved(files, sinks).then(
    () => null,
    (error: unknown) => toMillraceError(error),
  )
}

const packageOf = (name: string, exports: unknown, text: string) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', type: 'module', exports }),
  [`node_modules/${name}/lib/index.js`]: text,
})

describe('a sink of a module', () => {
  test.each([
    ['./my-sink.js', { 'my-sink.js': sink() }, 'my-sink'],
    ['./sinks/über sink.ts', { 'sinks/über sink.ts': `const a: string = 'x'\n${sink()}export type A = typeof a\n` }, '-ber-sink'],
    ['./my-sink.mjs', { 'my-sink.mjs': `export default ${definition()}` }, 'my-sink'],
    ['millrace-lines', packageOf('millrace-lines', './lib/index.js', sink()), 'millrace-lines'],
    ['@acme/lines', packageOf('@acme/lines', { '.': { import: './lib/index.js' } }, sink()), 'lines'],
  ])('%s is found from the folder of the configuration, and named after its module', async (type, files, name) => {
    const { sinks, shown } = await resolved(files, [{ type, to: 'x' }])
    expect(sinks).toMatchObject([{ name, type: 'lines', config: { to: 'x' }, format: null }])
    expect(sinks[0]?.definition.fromUrl('x', 'lines')).toBeNull()
    expect(shown.sinks).toEqual([{ type, to: 'x' }])
  })

  test('its options are checked by its own schema, and its name as others are', async () => {
    const files = { 'my-sink.js': sink() }
    expect(await failure(files, [{ type: './my-sink.js' }])).toMatchObject({
      code: 'CONFIG_INVALID',
      findings: [{ path: 'sinks[0]', message: 'needs to' }],
    })
    const twice = [
      { type: './my-sink.js', to: 'a' },
      { type: './my-sink.js', to: 'b' },
    ]
    expect(await failure(files, twice)).toMatchObject({
      findings: [{ message: expect.stringContaining('sinks[0] is named my-sink too; give one') }],
    })
    expect(await failure(files, [twice[0]!, { ...twice[1], name: 'other' }])).toBeNull()
  })

  test.each([
    ['./none.js', {}, 'SINK_MODULE_MISSING', 'correct the path'],
    ['@acme/none', {}, 'SINK_MODULE_MISSING', 'npm install @acme/none'],
    ['millrace-none', {}, 'SINK_MODULE_MISSING', 'npm install millrace-none'],
    ['./a.js', { 'a.js': `import 'nowhere-at-all'\n` }, 'SINK_MODULE_FAILED', 'nowhere-at-all'],
    ['./a.js', { 'a.js': `throw new Error('no such luck')\n` }, 'SINK_MODULE_FAILED', 'no such luck'],
    ['./a.js', { 'a.js': `export const sink = 1\n` }, 'SINK_MODULE_SHAPE', 'neither `definition` nor a default'],
    ['./a.js', { 'a.js': `export default 1\n` }, 'SINK_MODULE_SHAPE', 'not an object'],
    ['./a.js', { 'a.js': sink('open: 1') }, 'SINK_MODULE_SHAPE', '`open` must be a function'],
    ['./a.js', { 'a.js': sink('config: {}') }, 'SINK_MODULE_SHAPE', '`config` must be a schema'],
    [
      './a.js',
      { 'a.js': sink(`capabilities: { delivery: 'twice' }`) },
      'SINK_MODULE_SHAPE',
      '`capabilities.delivery` must be at-least-once or exactly-once',
    ],
    ['./a.js', { 'a.js': sink(`check: 'x'`) }, 'SINK_MODULE_SHAPE', '`check` must be a function, or left out'],
  ])('%s with %j is told as %s: %s', async (type, files, code, words) => {
    const error = await failure(files, [{ type, to: 'x' }])
    expect(error?.code).toBe(code)
    expect(`${error?.message} ${error?.hint}`).toContain(words)
  })

  test('a word that is like one of ours is one misspelt', async () => {
    expect(await failure({}, [{ type: 'duck-db', path: 'x' }])).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('the JSON Schema lets it pass, with whatever options it has, and still knows ours', async () => {
    const validate = new Ajv2020({ strict: false }).compile(await configJsonSchema())
    const withSink = (one: object) => validate({ ...NAMELESS, sinks: [one] })
    expect(withSink({ type: './my-sink.ts', anything: 1 })).toBe(true)
    expect(withSink({ type: 'file', path: 'x' })).toBe(true)
    expect(withSink({ type: 'file', anything: 1 })).toBe(false)
  })
})

test('a format of a module is found likewise', async () => {
  const { sinks } = await resolved({ 'mine.js': FORMAT }, [{ type: 'file', path: 'x', format: './mine.js' }])
  expect(sinks[0]?.format).toEqual({ pipeline: 'shop' })
  expect(await failure({ 'mine.js': 'export default {}' }, [{ type: 'file', path: 'x', format: { type: './mine.js' } }])).toMatchObject({
    code: 'SINK_MODULE_SHAPE',
    message: expect.stringContaining('does not define a format'),
  })
})

test('what a copy of this library throws, and what it marks as not sent, are ours', () => {
  const foreign = Object.assign(new Error('away'), {
    name: 'MillraceError',
    code: 'SINK_UNAVAILABLE',
    fields: { sink: 'a', path: 'b', reason: 'c' },
  })
  expect(toMillraceError(foreign)).toBeInstanceOf(MillraceError)
  expect(toMillraceError(foreign)).toMatchObject({
    code: 'SINK_UNAVAILABLE',
    kind: 'transient',
    message: expect.stringContaining('the sink a'),
  })
  expect(UNCHANGED).toBe(Symbol.for('millrace.unchanged'))
})
