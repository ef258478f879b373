import { expect, test } from 'vitest'
import { chunkId, newPlan } from '../core/snapshot-plan.ts'
import { usersTable } from '../testing/fixtures.ts'
import { copyBegunUs } from './copy-time.ts'

test('a chunk tells when its copy was begun, whatever the table is called; others tell nothing', () => {
  const table = usersTable({ name: 'a/1-b/c', id: 16384 })
  const before = Date.now()
  const plan = newPlan(table, { plan: null, missed: null }, ['file'], [])
  const begun = copyBegunUs(chunkId(table, plan, '7'))
  expect(begun).toBeGreaterThanOrEqual(before * 1000)
  expect(begun).toBeLessThanOrEqual(Date.now() * 1000)
  expect(copyBegunUs(chunkId(table, { generation: 'holes' }, '0'))).toBeNull()
})
