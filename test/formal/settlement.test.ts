import { describe, expect, test } from 'vitest'
import type { Position } from '../../src/contracts/position.ts'
import { decideResume } from '../../src/core/decide-resume.ts'
import { explore } from './explore.ts'
import { FIRST_DISK, openSettlementModel, SETTLEMENT_RULES, type SettlementRules } from './settlement-model.ts'

/** Each breaks one decision; the model finds what it costs. */
const MUTATIONS: Record<string, { rules: Partial<SettlementRules>; fault: RegExp }> = {
  'what was written counts as durable': {
    rules: { durable: (lane) => lane.written?.position ?? lane.durable },
    fault: /not every sink holds durably/,
  },
  'the highest durable position is settled': {
    rules: { durables: (lanes, durable) => [lanes.map(durable).reduce(highest)] },
    fault: /not every sink holds durably/,
  },
  'one sink is not asked': {
    rules: { durables: (lanes, durable) => lanes.slice(0, 1).map(durable) },
    fault: /not every sink holds durably/,
  },
  'it is acknowledged before the record is durable': {
    rules: {
      record: async (state, lanes, position) => {
        void SETTLEMENT_RULES.record(state, lanes, position)
      },
    },
    fault: /is not recorded/,
  },
  'what is written down is looked up after the checkpoints were saved': {
    rules: {
      async record(state, lanes, position) {
        for (const lane of lanes) {
          const step = lane.takeUnsaved()
          if (step) await state.sink(lane.name).save({ ...step, data: null })
        }
        await SETTLEMENT_RULES.record({ ...state, sink: (name) => ({ ...state.sink(name), save: async () => undefined }) }, lanes, position)
      },
    },
    fault: /refused to go on|one is missing/,
  },
  'a restart reads from the furthest sink': {
    rules: {
      resume(facts) {
        const right = decideResume(facts)
        const furthest = facts.sinks.map(({ position, began }) => position ?? began).reduce(highest)
        return right.act === 'continue' && furthest ? { ...right, from: furthest } : right
      },
    },
    fault: /one is missing/,
  },
  'a restart reads from where the slot stands': {
    rules: {
      resume(facts) {
        const right = decideResume(facts)
        return right.act === 'continue' ? { ...right, from: facts.log.head } : right
      },
    },
    fault: /one is missing|stands still/,
  },
  'a sink is given again what it holds': { rules: { filter: () => (batch) => [batch] }, fault: /twice/ },
  'a batch that begins before the checkpoint is left out whole': {
    rules: {
      filter: (name, record) => {
        const filter = SETTLEMENT_RULES.filter(name, record)
        return (batch) => (filter(batch).every((part) => part === batch) ? filter(batch) : [])
      },
    },
    fault: /one is missing|not every sink holds/,
  },
}

function highest(one: Position | null, other: Position | null): Position | null {
  return (one ?? '') > (other ?? '') ? one : other
}

const exploreAll = (rules: SettlementRules) => explore(FIRST_DISK, (root) => openSettlementModel(root, rules))

describe('settling, every interleaving of two sinks, the state store, the server and crashes', () => {
  test(
    'acknowledges nothing that is not durable everywhere and recorded, misses nothing, and always comes to its end',
    { timeout: 180_000 },
    async () => {
      const { states, runs, ...rest } = await exploreAll(SETTLEMENT_RULES)
      expect(rest).toEqual({ fault: null, steps: [] })
      // A model that does not move holds every promise.
      expect(states).toBeGreaterThan(1000)
      expect(runs).toBeGreaterThan(50)
    },
  )

  test.each(Object.entries(MUTATIONS))('fails where %s', { timeout: 180_000 }, async (_, { rules, fault }) => {
    const explored = await exploreAll({ ...SETTLEMENT_RULES, ...rules })
    expect(explored.fault).toMatch(fault)
  })
})
