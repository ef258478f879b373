import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fillIn } from './interpolate.ts'

const baseDir = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'interpolate-'))
writeFileSync(join(baseDir, 'secret'), 'from a file\n')
const env = { NAME: 'value', EMPTY: '', DATABASE_URL: 'postgres://' }
const fill = (tree: unknown) => fillIn(tree, { baseDir, env })

test('fills references at any depth and anywhere in a text, files without their last line break', () => {
  const tree = { a: ['x ${env:NAME} y ${file:secret}'], b: { c: '${env:EMPTY}' }, d: 7, e: null }
  expect(fill(tree)).toEqual({ filled: { a: ['x value y from a file'], b: { c: '' }, d: 7, e: null }, unfilled: [] })
})

const topics = ['${schema}.${table} $NAME', '${table:-t}.${schema:-s}.${database:-d}.${key:-k}.${op:-o}', '${row.env:-file:x}']

test.each([...topics, '${a:b}', '$${}'])('leaves alone what is no reference, such as the braces of a topic: %s', (text) =>
  expect(fill(text)).toEqual({ filled: text, unfilled: [] }),
)

test('fills a reference beside the names of a topic', () => {
  expect(fill('${env:NAME}.${schema}.${row.file:-none}').filled).toBe('value.${schema}.${row.file:-none}')
})

test('does not fill what a secret itself holds', () => {
  expect(fillIn('${env:NAME}', { baseDir, env: { NAME: '${env:OTHER}' } }).filled).toBe('${env:OTHER}')
})

test('names everything that is missing at once, with its path and the nearest name', () => {
  const { unfilled } = fill({ list: ['${env:A}', '${env:DATABSE_URL} ${file:none}'], other: '${ENV:NAME}' })
  expect(unfilled.map((each) => [each.mistake.path, each.mistake.message])).toEqual([
    [['list', 0], 'needs ${env:A}: the environment variable A is not set'],
    [['list', 1], 'needs ${env:DATABSE_URL}: the environment variable DATABSE_URL is not set; did you mean DATABASE_URL?'],
    [['list', 1], `needs \${file:none}: the file ${join(baseDir, 'none')} cannot be read`],
    [['other'], 'holds ${ENV:…}, which is no reference; write ${env:NAME} or ${file:path}'],
  ])
})
