import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { harmless } from './harmless.ts'
import { shellQuote } from './shell-quote.ts'

test('plain words stay as they are, others are quoted as people would', () => {
  expect(['./shop.duckdb', 's3://lake/a=1', 'my shop', 'SELECT "a"', ''].map(shellQuote)).toEqual([
    './shop.duckdb',
    's3://lake/a=1',
    '"my shop"',
    `'SELECT "a"'`,
    '""',
  ])
})

test.each(['a b', '$HOME', 'it\'s "so" `x` !', 'back\\slash', 'line\nbreak', ''])('a shell reads back %j', (text) => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(text)}`], { encoding: 'utf8' })).toBe(text)
})

test.each(['\u001b]0;x\u0007', 'a\rb \u009b2J', "it's \u202e\\ $(reboot)"])(
  'a shell reads back %j, and a terminal sees nothing of it',
  (text) => {
    const quoted = shellQuote(text)
    expect(harmless(quoted)).toBe(quoted)
    expect(execFileSync('bash', ['-c', `printf %s ${quoted}`], { encoding: 'utf8' })).toBe(text)
  },
)
