/** Each mistake that a configuration can hold: its place in the file, its words, the nearest name; all of them at once. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toMillraceError } from '../errors/millrace-error.ts'
import { loadConfig } from './load-config.ts'

const folder = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'load-config-'))
mkdirSync(join(folder, 'lake'))

const URL = '"postgres://ada:s3cret@db/shop"'
const NAME = 'name: shop\n'
const SOURCE = `source: { type: postgres, url: ${URL} }\n`
const SINKS = 'sinks: [{ type: discard }]\n'
const VALID = NAME + SOURCE + SINKS
const source = (more: string) => `${NAME}source:\n  type: postgres\n  url: ${URL}\n${more}${SINKS}`
const sinks = (more: string) => `${NAME}${SOURCE}sinks:\n${more}`

/** What is said of a file with this text, with the folders of paths looked at. */
async function faultsOf(text: string, file = 'shop.yaml') {
  const path = join(folder, file)
  writeFileSync(path, text)
  try {
    await loadConfig(path, { DATABASE_URL: 'postgres://db/shop' }, { folders: 'must exist' })
    return { code: null, said: [], message: '', findings: [] }
  } catch (error) {
    const { code, message, findings } = toMillraceError(error)
    return { code, message, findings, said: findings.map((each) => `${each.line}:${each.column} ${each.path} ${each.message}`) }
  }
}

test('a configuration without a mistake is none', async () => expect((await faultsOf(VALID)).code).toBe(null))

test.each([
  ['a tab', 'name: shop\nsource:\n\ttype: postgres\n', '3:1', 'a tab; YAML is indented by spaces only'],
  ['a key twice', `name: a\n${VALID}`, '2:1', 'the key name stands here a second time'],
  ['a key twice in JSON', '{"name": "a", "name": "b"}', '1:15', 'the key "name" stands here a second time'],
  ['JSON without a comma', '{ "name": "x" "a": 1 }', '1:11', 'a value or a comma is missing'],
  ['JSON without its end', '{"name": "x"', '1:13', 'a closing quote, bracket or brace'],
  ['a quote without its end', 'name: "s3cret\nsource: [', '2:10', 'a closing quote, bracket or brace'],
  ['a star without quotes', source('  tables:\n    - *.*\n'), '6:7', 'must be in quotes, such as "*.*"'],
  ['a ! without quotes', source('  tables: [public.*, !public.audit_*]\n'), '5:22', 'must be in quotes, such as "!public.audit_*"'],
  ['a reference without quotes', `${NAME}source: { url: \${env:X} }\n`, '2:17', 'must be in quotes'],
  ['a colon in a value', 'name: shop\nstate: a: b\n', '2:8', 'put the value in quotes'],
  ['a colon without a space', 'name:shop\nsource:\n  type: x\n', '1:1', 'with a space'],
  ['a second document', `${VALID}---\n${VALID}`, '4:1', 'a second document begins'],
  ['other indentation', 'name: shop\nsource:\n  type: postgres\n url: x\n', '4:1', 'indented otherwise'],
  ['a backslash in quotes', sinks('  - type: duckdb\n    path: "C:\\data"\n'), '5:14', 'use single quotes'],
  ['another encoding', '\0n\0a\0m\0e', '1:1', 'save it as UTF-8'],
])('what is no YAML: %s', async (_, text, place, words) => {
  const { code, findings, message } = await faultsOf(text)
  expect(code).toBe('CONFIG_SYNTAX')
  expect(`${findings[0]?.line}:${findings[0]?.column}`).toBe(place)
  expect(findings[0]?.message).toContain(words)
  expect(message).not.toContain('s3cret')
})

test.each([
  ['', 'null:null  the configuration is empty; it must be a mapping with name, source, sinks'],
  ['# only this\n', 'null:null  the configuration is empty; it must be a mapping with name, source, sinks'],
  ['- 1\n', '1:1  the configuration is a list; it must be a mapping with name, source, sinks'],
  ['hello\n', '1:1  the configuration is one value; it must be a mapping with name, source, sinks'],
  [`name: My Shop\n${SOURCE}${SINKS}`, '1:7 name must be 1 to 46 of the characters a-z, 0-9 and _'],
  [`name: 12\n${SOURCE}${SINKS}`, '1:7 name must be text; put it in quotes'],
  [SOURCE + SINKS, '1:1 name is required (text)'],
  [NAME + SINKS, '1:1 source is required (a mapping with type)'],
  [`${NAME}source:\n${SINKS}`, '2:8 source must be a mapping such as { type: postgres, … }'],
  [`${NAME}source: ${URL}\n${SINKS}`, '2:9 source must be a mapping such as { type: postgres, url: … }'],
  [`${NAME}source: { url: ${URL} }\n${SINKS}`, '2:9 source.type is required (one of postgres)'],
  [`${NAME}source: { type: postgre, url: ${URL} }\n${SINKS}`, '2:17 source.type must be one of postgres; did you mean postgres?'],
  [`${NAME}source: { type: postgres }\n${SINKS}`, '2:9 source.url is required, unless one of PGHOST'],
  [`${NAME}source: { type: postgres, url: "\${env:NOPE}", tabels: [] }\n${SINKS}`, '2:32 source.url needs ${env:NOPE}'],
  [`${NAME}source: { type: postgres, url: $DATABASE_URL }\n${SINKS}`, 'an environment variable is written ${env:DATABASE_URL}'],
  [`${NAME}source: { type: postgres, url: "\${DATABASE_URL}" }\n${SINKS}`, 'an environment variable is written ${env:DATABASE_URL}'],
  [`${NAME}source: { type: postgres, url: "\${ENV:X}" }\n${SINKS}`, 'source.url holds ${ENV:…}, which is no reference'],
  [source('  tables: public.*\n'), '5:11 source.tables must be a list of text; write [ … ] around it'],
  [source('  tables: ["a.b", "public.{a,b}"]\n'), '5:19 source.tables[1] holds [ ] or { }: only * and ? stand for others'],
  [source('  tables: [users]\n'), '5:12 source.tables[0] is not schema.table'],
  [source('  tables: ["public.*", "!*.*"]\n'), '5:11 source.tables leaves out every table that it names'],
  [source('  columns: { users: [id] }\n'), '5:21 source.columns.users must be the name of one table, as schema.table'],
  [source('  where: { "public.*": "x > 1" }\n'), '5:24 source.where["public.*"] must be the name of one table'],
  [source('  keyless: ignore\n'), '5:12 source.keyless must be one of refuse, insert-only'],
  [source('  slot: My-Slot\n'), '5:9 source.slot must be 1 to 63 of the characters a-z, 0-9 and _'],
  [NAME + SOURCE, '1:1 sinks is required (a list)'],
  [`${NAME}${SOURCE}sinks: []\n`, '3:8 sinks must name at least one sink'],
  [`${NAME}${SOURCE}sinks: { type: discard }\n`, '3:8 sinks must be a list; write [ … ] around it'],
  [sinks('  - duckdb:./x.duckdb\n'), '4:5 sinks[0] must be a mapping such as { type: duckdb, path: … }'],
  [sinks('  - duckdb: { path: ./x }\n'), 'write { type: duckdb, … }'],
  [sinks('  - { type: duckbd, path: x }\n'), '; did you mean duckdb?'],
  [sinks('  - { type: parket, path: x, rolSize: 1MB }\n'), '4:30 sinks[0].rolSize is not known; did you mean rollSize?'],
  [
    sinks('  - { type: parquet, path: x, onValue: null }\n'),
    'sinks[0].onValue is empty: YAML reads null as nothing; write "null" in quotes',
  ],
  [sinks('  - { type: parquet, path: "s3:/bucket/x" }\n'), '4:28 sinks[0].path must be a folder, or s3://bucket/prefix'],
  [sinks('  - { type: parquet, path: "s3://b", endpoint: nope }\n'), 'sinks[0].endpoint must be an address such as http://localhost:9000'],
  [sinks('  - { type: duckdb, pth: x }\n'), '4:21 sinks[0].pth is not known; did you mean path?'],
  [sinks('  - { type: discard }\n  - { type: discard }\n'), '5:5 sinks[1].name must be unique; sinks[0] is named discard too; give'],
  [sinks('  - { type: discard, name: a b }\n'), '4:28 sinks[0].name must be 1 to 64 of the characters'],
  [sinks('  - { type: duckdb, path: ./lkae/x.duckdb }\n'), `did you mean ${join(folder, 'lake')}?`],
  [sinks('  - { type: duckdb, path: ./x, threads: "2" }\n'), '4:41 sinks[0].threads must be a whole number from 1 to 256, without quotes'],
  [sinks('  - { type: file, path: a, format: nativ }\n'), '; did you mean native?'],
  [sinks('  - { type: file, path: a, format: 3 }\n'), '4:36 sinks[0].format is not valid (text, or a mapping with type)'],
  [
    sinks('  - { type: file, path: a, format: { type: debezium, topic.prefix: a, tombstones.on.delete: yes! } }\n'),
    'sinks[0].format["tombstones.on.delete"] is not valid (true or false)',
  ],
  [
    `${VALID}batch: { maxSize: 8 mega }\n`,
    "4:19 batch.maxSize must be a size such as '512kB', '10MB' or '1GB', at least 16kB, at most 256MB",
  ],
  [`${VALID}batch: { maxWait: 1 }\n`, "4:19 batch.maxWait must be a duration such as '500ms', '5s' or '2m'"],
  [`${VALID}snapshot: { parallel: 400 }\n`, '4:23 snapshot.parallel must be a whole number from 1 to 64'],
  [`${VALID}snapshot:\n`, '4:10 snapshot is empty (a mapping with mode, parallel, chunkSize'],
  [`${VALID}state: postgres://db/state\n`, '4:8 state must be the path of a file'],
  [`${VALID}tables: [a.b]\n`, '4:1 tables is not known here; it belongs into source'],
  [`${VALID}path: x\n`, '4:1 path is not known here; it belongs into one of sinks'],
  [`${VALID}xyzzy: 1\n`, '4:1 xyzzy is not known; known here: name, source, snapshot'],
  [
    `${VALID}transforms: [{ type: filtre }]\n`,
    '4:22 transforms[0].type must be one of drop, filter, mask, rename, script, select; did you mean filter?',
  ],
])('%j is told: %s', async (text, words) => {
  const { code, said, message } = await faultsOf(text)
  expect(code).toBe('CONFIG_INVALID')
  expect(
    said.some((line) => line.includes(words)),
    said.join('\n'),
  ).toBe(true)
  expect(message).not.toContain('s3cret')
})

test('all at once, in the order of the file, each with its line; the same from JSON', async () => {
  const text = `${NAME}source: { type: postgres, url: "\${env:NOPE}", tabels: [] }\nbacth: {}\nsinks:\n  - { type: duckdb, path: ./no/x }\n`
  const { message } = await faultsOf(text)
  const file = join(folder, 'shop.yaml')
  expect(message.split('\n').slice(1)).toEqual([
    `  ${file}:2:32  source.url needs \${env:NOPE}: the environment variable NOPE is not set`,
    `  ${file}:2:47  source.tabels is not known; did you mean tables?`,
    `  ${file}:3:1  bacth is not known; did you mean batch?`,
    `  ${file}:5:27  sinks[0].path is in a folder that is not there (${join(folder, 'no')})`,
  ])
  const json = JSON.stringify({ name: 'a b', source: { type: 'postgres', url: 'x' }, sinks: [] }, null, '\t')
  expect((await faultsOf(json, 'shop.json')).said.map((line) => line.split(' ')[0])).toEqual(['2:10', '5:10', '7:11'])
})

test('a finding has fields for machines', async () => {
  const { findings } = await faultsOf(sinks('  - { type: duckdb, pth: x }\n'))
  expect(findings.find(({ nearest }) => nearest)).toEqual({
    path: 'sinks[0].pth',
    line: 4,
    column: 21,
    message: 'is not known; did you mean path?',
    allowed: 'path, memoryLimit, threads, closeBetweenFlushes, onValue',
    nearest: 'path',
  })
})

test('a folder that is not there is alone no mistake of the configuration: the sink says it at the start', async () => {
  const path = join(folder, 'alone.yaml')
  writeFileSync(path, sinks('  - { type: duckdb, path: ./no/x }\n'))
  expect(await loadConfig(path)).toMatchObject({ name: 'shop' })
})

test('a file that is not there is told with the nearest name', async () => {
  writeFileSync(join(folder, 'millrace.yaml'), VALID)
  await expect(loadConfig(join(folder, 'milrace.yaml'))).rejects.toThrow('milrace.yaml; did you mean millrace.yaml?')
  await expect(loadConfig(join(folder, 'none', 'millrace.yaml'))).rejects.toThrow(`the folder ${join(folder, 'none')} is not there`)
})
