import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { interpolate } from './interpolate.ts'

const baseDir = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'interpolate-'))
writeFileSync(join(baseDir, 'secret'), 'from a file\n')
const env = { NAME: 'value', EMPTY: '' }

test('fills references at any depth and anywhere in a text, files without their last line break', () => {
  const tree = { a: ['x ${env:NAME} y ${file:secret}'], b: { c: '${env:EMPTY}' }, d: 7, e: null }
  expect(interpolate(tree, { baseDir, env })).toEqual({ a: ['x value y from a file'], b: { c: '' }, d: 7, e: null })
})

test('leaves alone what is no reference, such as the braces of a topic', () => {
  expect(interpolate('${schema}.${table} $NAME', { baseDir, env })).toBe('${schema}.${table} $NAME')
})

test('does not fill what a secret itself holds', () => {
  expect(interpolate('${env:NAME}', { baseDir, env: { NAME: '${env:OTHER}' } })).toBe('${env:OTHER}')
})

test('names everything that is missing at once', () => {
  const work = () => interpolate(['${env:A}', '${env:B} ${file:none}'], { baseDir, env })
  expect(work).toThrow('${env:A} (environment), ${env:B} (environment), ${file:none}')
})
