import { expect, test } from 'vitest'
import { missingNames } from './scope.ts'
import { createPatternMatcher, exactPatterns, isPattern, isSystemSchema } from './table-patterns.ts'

test.each([
  [['public.*'], 'public.users', true],
  [['public.*'], 'other.users', false],
  [['public.*', '!public.audit_*'], 'public.audit_log', false],
  [['public.*', '!public.audit_*', 'public.audit_keep'], 'public.audit_keep', true],
  [['!public.audit_*', 'public.*'], 'public.audit_log', true],
  [['*.*'], 'any.thing', true],
  [['public.user?'], 'public.users', true],
  [['public.user?'], 'public.user', false],
  [['!public.secret'], 'public.users', true],
  [['!public.secret'], 'public.secret', false],
  [['public.a+b'], 'public.a+b', true],
  [['public.a+b'], 'public.aab', false],
  [['public.Übung'], 'public.Übung', true],
  [['public.?bung'], 'public.😀bung', true],
])('%j on %s is %s', (patterns, name, expected) => {
  expect(createPatternMatcher(patterns)(name)).toBe(expected)
})

test('a pattern has a schema part and a table part', () => {
  expect(['public.users', '!a.*', '*.*'].every(isPattern)).toBe(true)
  expect(['users', 'public.', '.users', ''].some(isPattern)).toBe(false)
})

test('only patterns without wildcards must name a table', () => {
  expect(exactPatterns(['public.*', 'public.users', '!public.x', 'a.b?'])).toEqual(['public.users'])
})

test('system schemas are never matched', () => {
  expect(['pg_catalog', 'pg_toast', 'pg_temp_3', 'information_schema'].every(isSystemSchema)).toBe(true)
  expect(isSystemSchema('public')).toBe(false)
})

test('a table named without wildcards must be there, also where others match, unless it is left out again', () => {
  const config = { tables: ['public.*', 'public.orders', 'public.old', '!public.old'], where: {}, columns: { 'public.users': ['*'] } }
  expect(missingNames(['public.users', 'public.old'], config)).toEqual(['public.orders'])
  expect(missingNames(['public.orders'], config)).toEqual(['public.users'])
})
