import { expect, test } from 'vitest'
import { notePhase, readPhase } from './note-phase.ts'

const retry = { event: 'retry', level: 'info', part: 'source', delayMs: 5, code: 'SOURCE_LOST', message: 'it is gone' } as const

test('a pipeline says what it is at, and since when it is in trouble', async () => {
  const facts = new Map<string, unknown>()
  const state = {
    get: async (key: string) => facts.get(key) ?? null,
    set: async (entries: Record<string, unknown>) => Object.entries(entries).forEach(([key, value]) => facts.set(key, value)),
  }
  let time = 1000
  const note = await notePhase(
    state,
    ({ what }) => `waits: ${what}`,
    () => time,
  )
  expect(await readPhase(state)).toEqual({ phase: 'opening', sinceMs: 1000 })
  note({ event: 'waiting', what: 'slot-made', waitedMs: 1000, holders: [], pid: null })
  expect(await readPhase(state)).toEqual({ phase: 'waiting', sinceMs: 1000, text: 'waits: slot-made' })
  time = 2000
  note({ ...retry, attempt: 1 })
  time = 3000
  note({ ...retry, attempt: 2 })
  expect(await readPhase(state)).toMatchObject({ phase: 'retrying', sinceMs: 2000, attempt: 2, code: 'SOURCE_LOST' })
  note({ event: 'started', act: 'continue', from: '1', tables: 1, sinks: ['duckdb'] })
  expect(await readPhase(state)).toEqual({ phase: 'following', sinceMs: 3000 })
})
