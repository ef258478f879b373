import { expect, test } from 'vitest'
import { firstElement } from './first-element.ts'

test.each([
  ['{5}', '5'],
  ['{"a,b"}', 'a,b'],
  ['{"say \\"hi\\" \\\\ there"}', 'say "hi" \\ there'],
  ['{"{1,2}"}', '{1,2}'],
  ['{""}', ''],
  ['{"line\nbreak"}', 'line\nbreak'],
])('%s holds %j', (literal, element) => {
  expect(firstElement(literal)).toBe(element)
})
