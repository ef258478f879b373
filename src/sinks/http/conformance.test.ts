import { describe, test } from 'vitest'
import { createDeferred } from '../../lib/deferred.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { Disturbance, PlaceFault, ReadMessage, SinkPlace } from '../../testing/sink-subject.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { startReceiver, type Answer, type Element } from './receiver.fixture.ts'

describe.each([1, 4])('the sink http conforms, with %i requests at once', (concurrency) => {
  const subject = { name: 'http', capabilities: definition.capabilities, place: () => place(concurrency) }
  for (const { title, run } of sinkConformance(subject)) test(title, run)
})

/** Small requests, so that a scenario takes many. */
async function place(concurrency: number): Promise<SinkPlace> {
  let fault: (() => Answer) | null = null
  const receiver = await startReceiver({ answer: () => fault?.() })
  const settings = { url: receiver.url, concurrency, maxRecords: 700, maxBytes: '64kB', retryFor: '0s' }
  return {
    open: (context) => definition.open(config.parse(settings), context),
    messages: async () => receiver.taken.map(readMessage),
    ownTopic: 'own',
    async disturb(kind) {
      const { answer, disturbance } = faultOf(kind, () => (fault = null))
      fault = answer
      return disturbance
    },
    remove: async () => receiver[Symbol.asyncDispose](),
  }
}

/** The plain format's texts are JSON's own form: read and written again they are the same. */
function readMessage({ id, key, value, headers }: Element): ReadMessage {
  const text = (json: unknown) => (json === null || json === undefined ? null : JSON.stringify(json))
  return { id, key: text(key), value: text(value), headers: headers ?? {} }
}

function faultOf(kind: PlaceFault, stop: () => void): { answer: () => Answer; disturbance: Disturbance } {
  const reached = createDeferred<void>()
  const released = createDeferred<void>()
  const answers: Record<PlaceFault, Answer> = {
    reject: { status: 503 },
    'fail-after': { status: null, taken: true },
    hold: { status: 200, taken: true, after: released.promise },
  }
  return {
    answer: () => (reached.resolve(), answers[kind]),
    disturbance: {
      reached: reached.promise,
      async end() {
        stop()
        released.resolve()
      },
    },
  }
}
