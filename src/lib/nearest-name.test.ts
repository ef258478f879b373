import { expect, test } from 'vitest'
import { nearestName } from './nearest-name.ts'

test.each([
  ['tabels', ['tables', 'columns'], 'tables'],
  ['maxsize', ['maxSize', 'maxWait'], 'maxSize'],
  ['zzzzzz', ['tables'], null],
  ['x', [], null],
])('%s among %j is %s', (written, names, nearest) => expect(nearestName(written, names)).toBe(nearest))
