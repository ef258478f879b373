import { expect, test } from 'vitest'
import { orAborted } from './or-aborted.ts'

const never = new Promise<never>(() => {})

test('a promise settles as it would without the signal', async () => {
  const { signal } = new AbortController()
  expect(await orAborted(Promise.resolve(1), signal)).toBe(1)
  await expect(orAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
})

test('an aborted signal ends the wait with its reason, also where it was aborted before', async () => {
  const stop = new AbortController()
  const waiting = orAborted(never, stop.signal)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  await expect(orAborted(never, stop.signal)).rejects.toThrow('stopped')
})

test('a promise that fails after its wait was ended, or was never begun, ends no process', async () => {
  let unhandled = 0
  const count = () => void unhandled++
  process.on('unhandledRejection', count)
  const stop = new AbortController()
  const failing = () => new Promise<never>((_, reject) => setImmediate(() => reject(new Error('late'))))
  const waiting = orAborted(failing(), stop.signal)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  await expect(orAborted(failing(), stop.signal)).rejects.toThrow('stopped')
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', count)
  expect(unhandled).toBe(0)
})
