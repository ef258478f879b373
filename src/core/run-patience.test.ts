import { expect, test } from 'vitest'
import { createDeferred } from '../lib/deferred.ts'
import { createMemorySink, createMemoryStore } from '../testing/memory-sink.ts'
import { until, useWorld } from './pipeline.fixture.ts'
import type { PipelineSink } from './run-resume.ts'

const world = useWorld()

/** A sink that opens, or says what it holds, once it is let to. */
function slowSink(at: 'open' | 'resume') {
  const facts = { isAsked: false, closed: 0 }
  const { promise: gate, resolve: release } = createDeferred<void>()
  const wait = async () => {
    facts.isAsked = true
    await gate
  }
  const sink: PipelineSink = {
    name: 'slow',
    keepsRecord: true,
    async open() {
      if (at === 'open') await wait()
      const inner = createMemorySink(createMemoryStore())
      const resume = async () => (at === 'resume' ? await wait() : undefined, null)
      return { ...inner, resume, [Symbol.asyncDispose]: async () => void facts.closed++ }
    },
  }
  return { facts, release, sink }
}

test.each(['open', 'resume'] as const)('a sink that is not done with %s does not hold up a drain, and is closed once it is', async (at) => {
  const { facts, release, sink } = slowSink(at)
  const running = world.run({}, { sinks: [sink], drainMs: 20 })
  await until(() => facts.isAsked)
  world.quit.abort()
  expect(await running).toMatchObject({ end: 'aborted', position: null })
  release()
  await until(() => facts.closed === 1)
})

test('a second signal ends an opening at once', async () => {
  const { facts, release, sink } = slowSink('open')
  const abort = new AbortController()
  const running = world.run({}, { sinks: [sink], abort: abort.signal })
  await until(() => facts.isAsked)
  world.quit.abort()
  abort.abort()
  expect((await running).end).toBe('aborted')
  release()
  await until(() => facts.closed === 1)
})

test('a drain asked for while a sink opens waits for it as long as a drain may take', async () => {
  const { facts, release, sink } = slowSink('open')
  const running = world.run({}, { sinks: [sink] })
  await until(() => facts.isAsked)
  world.quit.abort()
  release()
  expect((await running).end).toBe('drained')
  expect(facts.closed).toBe(1)
})
