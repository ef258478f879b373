import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import { openDisplay } from './display.ts'
import { createLagClock } from './lag-clock.ts'
import type { Terminal } from './terminal.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function terminalWith(options: Partial<Terminal>) {
  const said: string[] = []
  const live: string[] = []
  const logged: [string, unknown][] = []
  const log = { debug() {}, info: (event: string, fields?: unknown) => void logged.push([event, fields]), warn() {}, error() {} }
  const say = (text: string) => void said.push(text)
  const form = 'pretty' as const
  const defaults = { form, isTerminal: true, hasLive: true, color: false, quiet: false, say, live: (text: string) => void live.push(text) }
  const terminal: Terminal = { ...defaults, write() {}, log, ...options }
  return { terminal, said, live, logged }
}
const display = (terminal: Terminal, isShared = false) => openDisplay(terminal, createLagClock(), { isShared })
const moved = (changes: number): PipelineEvent => ({
  event: 'progress',
  changes,
  rows: 0,
  bytes: 0,
  position: null,
  head: null,
  commitTimeUs: null,
  sinks: [],
})

test('bars on a terminal, taken away at the end', () => {
  const { terminal, live, said } = terminalWith({})
  const shown = display(terminal)
  vi.advanceTimersByTime(1000)
  shown.end()
  expect(live.at(0)).toContain('opening source and sinks')
  expect(live.at(-1)).toBe('')
  expect(said).toEqual([])
})

test.each(['pretty', 'json'] as const)('without bars a line every ten seconds, %s, and none where nothing changed', (form) => {
  const { terminal, live, said, logged } = terminalWith({ form, hasLive: false })
  const shown = display(terminal)
  shown.on({ event: 'started', act: 'start', from: '0', tables: 1, sinks: ['file'] })
  shown.on(moved(5))
  const lines = form === 'pretty' ? said : logged
  vi.advanceTimersByTime(9999)
  expect(lines).toHaveLength(0)
  vi.advanceTimersByTime(1)
  expect(lines).toHaveLength(1)
  if (form === 'pretty') expect(said[0]).toMatch(/^10 s · 5 changes followed/)
  else expect(logged[0]).toMatchObject(['progress', { changes: 5, elapsedSeconds: 10 }])
  // Once more, as the rate has fallen to nothing.
  vi.advanceTimersByTime(10_000)
  expect(lines).toHaveLength(2)
  vi.advanceTimersByTime(600_000)
  expect(lines).toHaveLength(2)
  shown.end()
  expect(live.filter((text) => text !== '')).toEqual([])
})

test('rows that go to the same terminal are not torn by bars', () => {
  const { terminal, live, said } = terminalWith({})
  const shown = display(terminal, true)
  shown.on(moved(5))
  vi.advanceTimersByTime(10_000)
  shown.end()
  expect(live.filter((text) => text !== '')).toEqual([])
  expect(said).toHaveLength(1)
})

test('--quiet shows nothing', () => {
  const { terminal, live, said, logged } = terminalWith({ quiet: true })
  const shown = display(terminal)
  shown.on(moved(5))
  vi.advanceTimersByTime(60_000)
  shown.end()
  expect([live, said, logged]).toEqual([[], [], []])
})
