import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockPipeline } from '../../src/state/sqlite/lock-pipeline.ts'
import { openSqliteState } from '../../src/state/sqlite/state-store.ts'

test('what Millrace remembers, dead letters too, is read by its owner only, while it is written and after', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-private-'))
  const path = join(folder, 'deep', 'shop.db')
  const open = () =>
    readdirSync(join(folder, 'deep')).flatMap((name) => {
      const mode = statSync(join(folder, 'deep', name)).mode & 0o777
      return (mode & 0o077) === 0 ? [] : [`${name} ${mode.toString(8)}`]
    })
  const state = await openSqliteState(path, { pipeline: 'shop' })
  const lock = await lockPipeline(path, { pipeline: 'shop' })
  await state.set({ a: 1 })
  expect(readdirSync(join(folder, 'deep')).length).toBeGreaterThan(2)
  expect(open()).toEqual([])
  await lock[Symbol.asyncDispose]()
  await state[Symbol.asyncDispose]()
  expect(open()).toEqual([])
  rmSync(folder, { recursive: true })
})
