import { describe, expect, test } from 'vitest'
import { logSubject, type LogWrong } from './log-sink.fixture.ts'
import { sinkConformance } from './sink-conformance.ts'

describe('the conformance suite, for sinks of messages', () => {
  for (const { title, run } of sinkConformance(logSubject())) test(`passes a right sink: ${title}`, run)

  test.each<[string, LogWrong]>([
    ['loses the key', { message: (message) => ({ ...message, key: null }) }],
    ['loses headers', { message: (message) => ({ ...message, headers: {} }) }],
    ['drops tombstones', { message: (message) => (message.value === null ? null : message) }],
    ['writes tombstones as text', { message: (message) => ({ ...message, value: message.value ?? 'null' }) }],
    ['spreads the messages of a key', { partition: (_, nth) => nth % 2 }],
    ['sends out of turn', { reorders: true }],
    ['leaves out what is no change', { changesOnly: true }],
    ['loses the last message of each batch', { message: (message, nth) => (nth > 0 ? null : message) }],
    ['is durable by word only', { flushesNothing: true }],
    ['sends everything again at its start', { sendsAllAgain: true }],
    ['drops what comes later than its place', { dropsLate: true }],
    ['tells no failure', { hidesFailures: true }],
    ['tells failures in words of its client', { foreignErrors: true }],
    ['gives a message that comes again another id', { message: (message) => ({ ...message, id: `${Math.random()}` }) }],
    ['gives two messages one id', { message: (message) => ({ ...message, id: message.id?.slice(0, 16) ?? '' }) }],
  ])('fails a sink that %s', async (_, wrong) => {
    expect(await firstFailure(wrong)).not.toBeNull()
  })

  test('a sink that cannot be stopped never ends the case that stops it', async () => {
    const held = sinkConformance(logSubject({ ignoresStop: true })).find(({ title }) => title.includes('can be stopped then'))
    const late = new Promise((resolve) => setImmediate(() => resolve('still waiting')))
    expect(await Promise.race([held?.run(), late])).toBe('still waiting')
  })
})

/** Size shows nothing here that the small cases do not. */
async function firstFailure(wrong: LogWrong): Promise<string | null> {
  for (const { title, run } of sinkConformance(logSubject(wrong))) {
    if (title.includes('ten thousand')) continue
    try {
      await run()
    } catch {
      return title
    }
  }
  return null
}
