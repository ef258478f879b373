import { expect, test } from 'vitest'
import { missingNames } from './scope.ts'
import { createPatternMatcher, exactPatterns, faultOfPattern, faultOfTableName, leavesNothing } from '../../lib/table-patterns.ts'
import { isSystemSchema } from './system-schema.ts'

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
  expect(['public.users', '!a.*', '*.*', 'a.b.c'].map(faultOfPattern)).toEqual([null, null, null, null])
  expect(['users', 'public.', '.users', '', '!'].map((text) => faultOfPattern(text) !== null)).toEqual([true, true, true, true, true])
})

test('signs that are wildcards elsewhere, and quotes, are refused rather than taken for letters', () => {
  expect(faultOfPattern('public.{a,b}')).toContain('only * and ?')
  expect(faultOfPattern('public.[ab]*')).toContain('only * and ?')
  expect(faultOfPattern('"public"."users"')).toContain('without double quotes')
  expect(['users', 'public.*', '!public.users', 'public.user?'].map((text) => faultOfTableName(text) !== null)).not.toContain(false)
  expect(['public.users', 'public.a[b]', 'a.b.c'].map(faultOfTableName)).toEqual([null, null, null])
})

test.each([
  [['public.*', '!public.*'], true],
  [['public.users', '!*.*'], true],
  [['!*.*'], true],
  [['public.user?', '!public.user?'], true],
  [['public.*', '!public.?'], false],
  [['public.*', '!public.*', 'public.users'], false],
  [['!public.*'], false],
  [['public.users', '!public.user'], false],
])('%j leaves nothing: %s', (patterns, expected) => expect(leavesNothing(patterns)).toBe(expected))

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
