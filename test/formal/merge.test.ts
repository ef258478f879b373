import { describe, expect, test } from 'vitest'
import { MERGE_RULES } from '../../src/core/merge-rules.ts'
import { MUTATIONS } from '../model/mutations.ts'
import { explore } from './explore.ts'
import { firstRoot, MODEL_RULES, openMergeModel, type ModelRules, type Scenario } from './merge-model.ts'

const here = { inc: 1, chunk: 0 } as const
const SCENARIOS = {
  'one row, written twice, and crashes': {
    rows: { 1: here },
    acts: [
      { op: 'put', key: 1, chunk: 0 },
      { op: 'put', key: 1, chunk: 0 },
    ],
    chunks: [0],
    mayCrash: true,
  },
  'two transactions that do not meet': {
    rows: { 1: here },
    acts: [
      { op: 'put', key: 1, chunk: 0 },
      { op: 'put', key: 2, chunk: 0 },
    ],
    chunks: [0],
    mayCrash: false,
  },
  'a row that gets another key and is deleted there': {
    rows: { 1: here },
    acts: [
      { op: 'rekey', key: 1, to: 2, chunk: 0 },
      { op: 'remove', key: 2 },
    ],
    chunks: [0],
    mayCrash: false,
  },
  'a table emptied and filled again': {
    rows: { 1: here },
    acts: [{ op: 'clear' }, { op: 'put', key: 1, chunk: 0 }],
    chunks: [0],
    mayCrash: false,
  },
  'a row moved twice past what was read, with a value that is not in the log': {
    rows: { 1: { inc: 1, chunk: 1 } },
    acts: [
      { op: 'move', key: 1, chunk: 0 },
      { op: 'move', key: 1, chunk: 0 },
    ],
    chunks: [1],
    mayCrash: false,
  },
} satisfies Record<string, Scenario>

/** Each breaks one decision, in the story that shows it. */
const BROKEN: Record<string, { story: keyof typeof SCENARIOS; rules: Partial<ModelRules>; fault: RegExp }> = {
  'no row is dropped': {
    story: 'one row, written twice, and crashes',
    rules: { merge: MUTATIONS['never drop'].rules },
    fault: /steps back/,
  },
  'keys are remembered only while a chunk is under way': {
    story: 'one row, written twice, and crashes',
    rules: { merge: MUTATIONS['remember only while a chunk is active'].rules },
    fault: /steps back/,
  },
  'keys are forgotten without a look': {
    story: 'one row, written twice, and crashes',
    rules: { merge: MUTATIONS['prune by active chunks only'].rules },
    fault: /steps back/,
  },
  'keys are forgotten though a chunk under way may not see them': {
    story: 'one row, written twice, and crashes',
    rules: { merge: { ...MERGE_RULES, forgets: (xid, known) => known !== null && known.sees(xid) } },
    fault: /steps back/,
  },
  'a restart does not know what was delivered': {
    story: 'one row, written twice, and crashes',
    rules: { carries: false },
    fault: /steps back/,
  },
  'old keys are not remembered': {
    story: 'a row that gets another key and is deleted there',
    rules: { merge: MUTATIONS['old key ignored'].rules },
    fault: /steps back/,
  },
  'the end of the log is asked for before the snapshot': {
    story: 'one row, written twice, and crashes',
    rules: { highAfterRows: false },
    fault: /steps back/,
  },
  'a chunk does not wait for what it sees': {
    story: 'one row, written twice, and crashes',
    rules: { waitsForHigh: false },
    fault: /steps back/,
  },
  'what is incomplete is read once': {
    story: 'a row moved twice past what was read, with a value that is not in the log',
    rules: { merge: MUTATIONS['one re-read pass'].rules },
    fault: /with a hole/,
  },
}

const exploreStory = (story: keyof typeof SCENARIOS, rules: ModelRules) =>
  explore(firstRoot(SCENARIOS[story]), (root) => openMergeModel(root, SCENARIOS[story], rules))
const stories = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[] // its keys

describe('copying while it changes, every interleaving of writers, the log, snapshots and chunks', () => {
  test.each(stories)('ends with the rows of the source, none ever older: %s', { timeout: 180_000 }, async (story) => {
    const { states, runs, ...rest } = await exploreStory(story, MODEL_RULES)
    expect(rest).toEqual({ fault: null, steps: [] })
    // A model that does not move holds every promise.
    expect(states).toBeGreaterThan(1000)
    expect(runs > 1).toBe(SCENARIOS[story].mayCrash)
  })

  test.each(Object.entries(BROKEN))('fails where %s', { timeout: 180_000 }, async (_, { story, rules, fault }) => {
    const explored = await exploreStory(story, { ...MODEL_RULES, ...rules })
    expect(explored.fault).toMatch(fault)
  })
})
