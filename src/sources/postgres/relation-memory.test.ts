import { expect, test } from 'vitest'
import type { Table } from '../../contracts/table.ts'
import type { CatalogueTable } from './catalogue.ts'
import { makeTable } from './make-table.ts'
import { createRelationMemory, knownOf } from './relation-memory.ts'

function memoryState(facts = new Map<string, string>()) {
  return {
    facts,
    get: async (key: string) => (facts.has(key) ? (JSON.parse(facts.get(key)!) as unknown) : undefined),
    set: async (entries: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(entries)) facts.set(key, JSON.stringify(value))
    },
    delete: async (key: string) => {
      facts.delete(key)
    },
  }
}

/** Columns by name, numbered in order; a name with ! in front is there and not sent. */
function catalogue(names: readonly string[], more: Partial<CatalogueTable> = {}): CatalogueTable {
  const columns = names.map((name, index) => ({
    name: name.replace('!', ''),
    id: index + 1,
    type: { kind: 'int32' } as const,
    sourceType: 'integer',
    typeOid: 23,
    typeModifier: -1,
    nullable: true,
    missing: 7n,
  }))
  const sent = columns.filter((_, index) => !names[index]!.startsWith('!'))
  const table: Table = makeTable({ schema: 'public', name: 't', id: 9, columns: sent, key: [0], identity: 'key' })
  const attributes = columns.map((column, index) => ({
    ...column,
    notNull: false,
    dropped: false,
    hasDefault: false,
    generated: '' as const,
    missing: null,
    stamp: '700',
    included: !names[index]!.startsWith('!'),
  }))
  const rest = { asText: [], partitioned: false, leaves: [], publishedBy: null, list: null, filterColumns: [] }
  return { table, attributes, storage: '100', rowFilter: null, ...rest, ...more }
}

const open = (facts?: Map<string, string>) => {
  const state = memoryState(facts)
  return { facts: state.facts, memory: createRelationMemory(state, (error) => expect(error).toBeNull()) }
}

test('remembers a table as it was before its copy, across processes', async () => {
  const first = open()
  await first.memory.start([catalogue(['id'])])
  const second = open(first.facts)
  expect(await second.memory.start([catalogue(['id', 'v'], { storage: '200' })])).toEqual([])
  expect(second.memory.previous(9)).toMatchObject({ storage: '100', table: { columns: [{ name: 'id' }] } })
})

test('a description is stored only when a position behind it is acknowledged', async () => {
  const { facts, memory } = open()
  await memory.start([catalogue(['id'])])
  memory.note(9, knownOf(catalogue(['id', 'v'])), '0000000000000020')
  expect(memory.previous(9)!.table.columns.length).toBe(2)
  memory.acknowledged('000000000000001F')
  const early = open(facts)
  await early.memory.start([catalogue(['id', 'v'])])
  expect(early.memory.previous(9)!.table.columns.length).toBe(1)
  memory.acknowledged('0000000000000020')
  const late = open(facts)
  await late.memory.start([catalogue(['id', 'v'])])
  expect(late.memory.previous(9)!.table.columns.length).toBe(2)
})

test('new files alone are remembered at once', async () => {
  const { facts, memory } = open()
  await memory.start([catalogue(['id'])])
  await memory.start([catalogue(['id'], { storage: '200' })])
  const later = open(facts)
  await later.memory.start([catalogue(['id', 'v'], { storage: '200' })])
  expect(later.memory.previous(9)!.storage).toBe('200')
})

test('names the tables of which other rows or columns are sent', async () => {
  const { memory } = open()
  await memory.start([catalogue(['id', '!secret'])])
  expect((await memory.start([catalogue(['id', 'secret'])])).length).toBe(1)
  expect((await memory.start([catalogue(['id', '!secret', 'v'])])).length).toBe(0)
  expect((await memory.start([catalogue(['id', '!secret'], { rowFilter: '(id > 0)' })])).length).toBe(1)
})

test('a table that is gone is forgotten', async () => {
  const { facts, memory } = open()
  await memory.start([catalogue(['id'])])
  await memory.start([])
  expect(JSON.parse(facts.get('postgres/relations')!)).toEqual({})
  await memory.forget()
  expect(facts.size).toBe(0)
})
