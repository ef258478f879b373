import { expect, test } from 'vitest'
import type { Source } from '../contracts/source.ts'
import type { SinkRecord, SinkState } from '../contracts/sink.ts'
import type { StateStore } from '../contracts/state-store.ts'
import { createFloor } from './acknowledge-floor.ts'
import type { ConfiguredSink } from './config.ts'

const sink = (name: string, delivery: 'exactly-once' | 'at-least-once' = 'exactly-once') =>
  ({ name, type: name, definition: { capabilities: { delivery } }, config: {}, format: null }) as unknown as ConfiguredSink // what the floor reads

function memoryState(facts: Record<string, unknown>, records: Record<string, SinkRecord> = {}) {
  const known = new Map(Object.entries(facts))
  const state = {
    get: async (key: string) => known.get(key) ?? null,
    set: async (entries: Record<string, unknown>) => Object.entries(entries).forEach(([key, value]) => known.set(key, value)),
    delete: async (key: string) => void known.delete(key),
    sink: (name: string) => ({ load: async () => (records[name] ? { ...records[name], data: null } : null) }) as SinkState,
  }
  return { known, state: state as unknown as StateStore } // the floor uses no more
}

class FakeSource {
  #acknowledged: string[] = []
  acknowledge(position: string): void {
    this.#acknowledged.push(position)
  }
  get acknowledged() {
    return this.#acknowledged
  }
}

async function acknowledgedBy(floor: (source: Source) => Source): Promise<readonly string[]> {
  const source = new FakeSource()
  const wrapped = floor(source as unknown as Source)
  for (const position of ['1', '5', '9']) wrapped.acknowledge(position)
  return source.acknowledged
}

const acknowledged = { position: '7', sinks: { a: { held: '6', durable: '7' }, b: { held: '2', durable: '3' } } }

test('nothing past the checkpoint of an absent sink is acknowledged', async () => {
  const { state } = memoryState({ acknowledged })
  expect(await acknowledgedBy(await createFloor(state, { present: [sink('a')], absent: [sink('b')] }))).toEqual(['1', '3', '3'])
})

test('a checkpoint in the state store counts where the sink keeps none of its own', async () => {
  const { state } = memoryState({ acknowledged }, { b: { position: '4', carry: '', chunks: [] } })
  expect(await acknowledgedBy(await createFloor(state, { present: [sink('a')], absent: [sink('b', 'at-least-once')] }))).toEqual([
    '1',
    '4',
    '4',
  ])
})

test('with every sink present, or an absent one that holds nothing, everything is acknowledged', async () => {
  const { state } = memoryState({ acknowledged })
  expect(await acknowledgedBy(await createFloor(state, { present: [sink('a'), sink('b')], absent: [] }))).toEqual(['1', '5', '9'])
  expect(await acknowledgedBy(await createFloor(state, { present: [sink('a')], absent: [sink('c')] }))).toEqual(['1', '5', '9'])
})

test('what an absent sink was known to hold outlives runs without it', async () => {
  const { known, state } = memoryState({ acknowledged })
  await createFloor(state, { present: [sink('a')], absent: [sink('b')] })
  known.set('acknowledged', { position: '8', sinks: { a: { held: '8', durable: '8' } } })
  await createFloor(state, { present: [sink('a')], absent: [sink('b')] })
  await createFloor(state, { present: [sink('a'), sink('b')], absent: [] })
  expect(known.get('acknowledged')).toEqual({ position: '8', sinks: { a: { held: '8', durable: '8' }, b: { held: '2', durable: '3' } } })
  expect([...known.keys()]).toEqual(['acknowledged'])
})
