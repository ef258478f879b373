import { expect, test } from 'vitest'
import { checkMinor } from './check-connection.ts'

test.each<[number, string | null]>([
  [140_017, 'warning'],
  [140_018, 'info'],
  [140_019, null],
  [150_012, 'warning'],
  [160_008, 'warning'],
  [170_004, 'warning'],
  [170_005, 'info'],
  [170_010, null],
  [180_000, null],
  [0, null],
])('the minor release of %i deserves: %s', (version, severity) => {
  expect(checkMinor(version)[0]?.severity ?? null).toBe(severity)
})
