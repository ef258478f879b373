import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Log } from '../contracts/sink.ts'
import { createDeferred } from '../lib/deferred.ts'
import { openSqliteState } from '../state/sqlite/state-store.ts'
import { systemClock } from './clock.ts'
import { answerRequests } from './requests.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-requests-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

test('a slow request is begun once and holds no other up; an unknown kind is left alone', async () => {
  const path = join(folder, 'x.db')
  await using state = await openSqliteState(path, { pipeline: 'x' })
  await using asking = await openSqliteState(path, { pipeline: 'x' })
  const [gate, over] = [createDeferred<string>(), new AbortController()]
  let begun = 0
  const handlers = {
    slow: async () => {
      begun++
      return gate.promise
    },
    quick: async (args: unknown) => args,
  }
  const answering = answerRequests({ state, handlers, log: silent, clock: systemClock }, over.signal)
  const slow = asking.ask('slow', null, 10_000)
  expect(await asking.ask('quick', { a: 1 }, 10_000)).toEqual({ result: { a: 1 } })
  expect(await asking.ask('quick', null, 10_000)).toEqual({ result: null })
  expect(await asking.ask('never heard of', null, 150)).toBeNull()
  gate.resolve('done')
  expect(await slow).toEqual({ result: 'done' })
  expect(begun).toBe(1)
  over.abort()
  await answering
})
