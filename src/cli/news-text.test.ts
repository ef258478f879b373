import { expect, test } from 'vitest'
import { fieldsText, retryText } from './news-text.ts'

test.each([
  [1, 0, 'source: The connection was lost: it ended; trying again in 0.0 s (1st time)'],
  [4, 600, 'source: The connection was lost: it ended; trying again in 0.6 s (4th time)'],
  [12, 15_000, 'source: The connection was lost: it ended; trying again in 15 s (12th time)'],
  [22, 3000, 'source: The connection was lost: it ended; trying again in 3.0 s (22nd time)'],
])('the retry number %d is one plain sentence', (attempt, delayMs, text) => {
  const event = {
    event: 'retry',
    level: 'info',
    part: 'source',
    code: 'SOURCE_LOST',
    message: 'The connection was lost: it ended.',
  } as const
  expect(retryText({ ...event, attempt, delayMs })).toBe(text)
})

test('what is logged for people is a sentence or words, never JSON', () => {
  expect(fieldsText('LOG_RETAINED', { message: 'The slot retains 1 GB.', retainedBytes: 1 })).toBe('The slot retains 1 GB.')
  expect(fieldsText('table-left-out', { table: 'public.x', error: { code: 'A', message: 'no key' }, names: ['a', 'b'] })).toBe(
    'table-left-out: table public.x, error A no key, names a b',
  )
  expect(fieldsText('progress', {})).toBe('progress')
})
