import { afterAll, beforeAll, describe, test } from 'vitest'
import { startKinesalite, type KinesaliteServer } from '../../../test/servers/kinesalite.ts'
import { startKinesisFaults, type KinesisFate } from '../../../test/servers/kinesis-faults.ts'
import { createDeferred } from '../../lib/deferred.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { Disturbance, PlaceFault, ReadMessage, SinkPlace } from '../../testing/sink-subject.ts'
import type { KinesisConfig } from './config.ts'
import { definition } from './definition.ts'
import { createStream, type StoredRecord } from './stream-server.fixture.ts'

let server: KinesaliteServer
beforeAll(async () => {
  server = await startKinesalite()
}, 300_000)
afterAll(() => server?.stop())

describe.each<Partial<KinesisConfig>>([
  { order: 'strict', wrap: true },
  { order: 'replay', wrap: false },
])('the sink kinesis conforms, with %o', (settings) => {
  const subject = { name: 'kinesis', capabilities: definition.capabilities, place: () => place(settings) }
  for (const { title, run } of sinkConformance(subject)) test(title, { timeout: 180_000 }, run)
})

async function place({ wrap = false, ...more }: Partial<KinesisConfig>): Promise<SinkPlace> {
  const stream = await createStream(server.settings, 3)
  let fate: (() => KinesisFate) | null = null
  const faults = await startKinesisFaults(({ action }) => (action === 'PutRecords' && fate?.()) || 'pass', server.settings.endpoint)
  return {
    open: (context) => definition.open(stream.settings({ ...more, wrap, endpoint: faults.url }), context),
    messages: async () => (await stream.records()).map(wrap ? readWrapped : readBare),
    ...(wrap && { ownTopic: 'own' }),
    async disturb(kind) {
      const { is, disturbance } = faultOf(kind, () => (fate = null))
      fate = is
      return disturbance
    },
    async remove() {
      await faults.stop()
      await stream.remove()
    },
  }
}

/** Of a tombstone the partition key alone says whose it is. */
function readBare({ text, partitionKey }: StoredRecord): ReadMessage {
  return text === '' ? { value: null, key: partitionKey } : { value: text }
}

/** The plain format's texts are JSON's own form: read and written again they are the same. */
function readWrapped({ text }: StoredRecord): ReadMessage {
  const { id, key, value, headers } = JSON.parse(text) as {
    id: string
    key: unknown
    value: unknown
    headers: Record<string, string> | null
  }
  const textOf = (json: unknown) => (json === null ? null : JSON.stringify(json))
  return { id, key: textOf(key), value: textOf(value), headers: headers ?? {} }
}

/** `fail-after`: the sink sends again what was not answered, so nothing more is taken after it. */
function faultOf(kind: PlaceFault, stop: () => void): { is: () => KinesisFate; disturbance: Disturbance } {
  const reached = createDeferred<void>()
  const released = createDeferred<void>()
  const refusal: KinesisFate = { refuse: 'AccessDeniedException', status: 400 }
  let count = 0
  const fates: Record<PlaceFault, () => KinesisFate> = {
    reject: () => refusal,
    'fail-after': () => (++count === 1 ? 'lose' : refusal),
    hold: () => ({ hold: released.promise }),
  }
  return {
    is: () => (reached.resolve(), fates[kind]()),
    disturbance: {
      reached: reached.promise,
      async end() {
        stop()
        released.resolve()
      },
    },
  }
}
