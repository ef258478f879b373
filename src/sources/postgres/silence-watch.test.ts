import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSilenceWatch } from './silence-watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function watched() {
  const told: string[] = []
  const watch = createSilenceWatch(20_000, { ask: () => told.push('ask'), dead: (seconds) => told.push(`dead ${seconds}`) })
  watch.start()
  return { watch, told }
}

test('asks a silent server at half time, and gives it up at the end', () => {
  const { told } = watched()
  vi.advanceTimersByTime(9_000)
  expect(told).toEqual([])
  vi.advanceTimersByTime(1_000)
  expect(told).toEqual(['ask'])
  vi.advanceTimersByTime(10_000)
  expect(told.at(-1)).toBe('dead 20')
})

test('begins anew with every byte, and does not count while nobody listens', () => {
  const { watch, told } = watched()
  vi.advanceTimersByTime(9_000)
  watch.heard()
  vi.advanceTimersByTime(9_000)
  watch.setListening(false)
  vi.advanceTimersByTime(100_000)
  watch.setListening(true)
  vi.advanceTimersByTime(9_000)
  expect(told).toEqual([])
  watch.stop()
  vi.advanceTimersByTime(100_000)
  expect(told).toEqual([])
})
