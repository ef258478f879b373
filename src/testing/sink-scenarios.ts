import type { Batch } from '../contracts/batch.ts'
import type { SinkCapabilities } from '../contracts/sink.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { withImages } from './imaged-changes.ts'
import { frozen, placed } from './place-batches.ts'
import { KEY_SCENARIOS } from './sink-key-scenarios.ts'
import {
  batchOf,
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  rowsAt,
  sampleColumn,
  sampleTable,
  schemaAt,
  snapshotBeginAt,
  snapshotEndAt,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
} from './fixtures.ts'

/** What happens to a sink, and which tables to compare afterwards. `steady`: no deaths are tried in it; they would show nothing that others do not. */
export type Scenario = {
  title: string
  needs?: (capabilities: SinkCapabilities) => boolean
  steady?: boolean
  batches: readonly Batch[]
  tables: readonly Table[]
}

const users = usersTable()
const begin = schemaAt(0, users)

/** Every batch has an end of its own, so that a record says exactly which batches it covers; nobody may change what others are given too. */
export const SCENARIOS: readonly Scenario[] = [...scenarios(), ...KEY_SCENARIOS].map((scenario) => ({
  ...scenario,
  batches: placed(scenario.batches).map(frozen),
}))

/** Rows in the bytes they came in, chunks in columns. */
export function inImages(batch: Batch): Batch {
  return frozen(withImages(batch))
}

function scenarios(): Scenario[] {
  return [
    {
      title: 'keeps the order of changes of one key, inside a batch and across batches',
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1, 'a')), updateOf(users, userRow(1, 'b')), updateOf(users, userRow(1, 'c'))),
        batchOf(2, updateOf(users, userRow(1, 'd')), insertOf(users, userRow(2))),
        batchOf(3, deleteOf(users, onlyKey(2)), updateOf(users, userRow(1, 'e'))),
      ],
      tables: [users],
    },
    {
      title: 'takes a delete and an insert of the same key in either order',
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2))),
        batchOf(2, deleteOf(users, onlyKey(1)), insertOf(users, userRow(1, 'again')), deleteOf(users, onlyKey(2))),
        batchOf(3, insertOf(users, userRow(3)), deleteOf(users, onlyKey(3))),
      ],
      tables: [users],
    },
    {
      title: 'moves a row whose key changes, also along a chain in one transaction',
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1, 'one')), insertOf(users, userRow(2, 'two'))),
        batchOf(2, moved(2, 3, 'two'), moved(1, 2, 'one'), moved(3, 1, 'two')),
        batchOf(3, moved(1, 9, 'two'), updateOf(users, userRow(9, 'nine'))),
      ],
      tables: [users],
    },
    {
      title: 'leaves alone what an update did not send',
      needs: (can) => can.partialUpdates,
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2)), insertOf(users, userRow(3))),
        batchOf(2, updateOf(users, partial(1, 'new')), insertOf(users, userRow(4)), updateOf(users, partial(4, 'four'))),
        batchOf(3, updateOf(users, userRow(2, 'whole')), updateOf(users, partial(2, 'part')), updateOf(users, partial(2, null))),
        batchOf(4, updateOf(users, partial(5, 'moved'), { before: onlyKey(3), oldKey: onlyKey(3) })),
      ],
      tables: [users],
    },
    {
      title: 'empties a table by truncate, and takes rows before and after it in the same batch',
      needs: (can) => can.truncate,
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2))),
        batchOf(2, insertOf(users, userRow(3)), truncateOf(users), insertOf(users, userRow(1, 'after'))),
      ],
      tables: [users],
    },
    {
      title: 'passes over logical messages or keeps them, but goes on',
      batches: [begin, { ...batchOf(1), changes: [messageAt(1)] }, batchOf(2, insertOf(users, userRow(1)))],
      tables: [users],
    },
    ...schemaScenarios(),
    ...snapshotScenarios(),
    {
      title: 'takes a batch of ten thousand changes',
      batches: [
        begin,
        batchOf(1, ...numbers(5000).map((id) => insertOf(users, userRow(id)))),
        batchOf(2, ...numbers(5000).map((id) => (id % 3 === 0 ? deleteOf(users, onlyKey(id)) : updateOf(users, userRow(id, 'second'))))),
      ],
      tables: [users],
    },
    hostileNames(),
    everyKind(),
  ]
}

function onlyKey(id: number): Row {
  return [BigInt(id), UNCHANGED, UNCHANGED, UNCHANGED]
}

function partial(id: number, name: string | null): Row {
  return [BigInt(id), name, `${id}.75`, UNCHANGED]
}

function moved(from: number, to: number, name: string) {
  return updateOf(users, userRow(to, name), { before: onlyKey(from), oldKey: onlyKey(from) })
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1)
}

function schemaScenarios(): Scenario[] {
  const [id, name, balance, doc] = users.columns as [Column, Column, Column, Column] // usersTable has four
  const city = sampleColumn('city', { kind: 'text', name: 'text' }, { id: 5, sourceType: 'text', typeOid: 25, missing: 'here' })
  const added = sampleTable('users', [id, name, balance, doc, city])
  const renamed = sampleTable('users', [id, { ...name, name: 'full "name"' }, balance, doc, city])
  const dropped = sampleTable('users', [id, { ...name, name: 'full "name"' }, doc, city])
  const swapped = sampleTable('users', [id, { ...doc, name: 'city' }, { ...city, name: 'doc' }])
  const needs = (can: SinkCapabilities): boolean => can.schemaChanges
  return [
    {
      title: 'adds a column, whose present rows hold what it says they hold',
      needs,
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1))),
        schemaAt(2, added, users),
        batchOf(2, insertOf(added, [...userRow(2), null])),
      ],
      tables: [added],
    },
    {
      title: 'renames and drops columns and keeps the others',
      needs,
      batches: [
        begin,
        batchOf(1, insertOf(users, userRow(1))),
        schemaAt(2, added, users),
        batchOf(2, insertOf(added, [...userRow(2), 'there'])),
        schemaAt(3, renamed, added),
        batchOf(3, insertOf(renamed, [...userRow(3), 'third']), updateOf(renamed, [...userRow(1, 'first'), 'moved'])),
        schemaAt(4, dropped, renamed),
        batchOf(4, insertOf(dropped, [4n, 'four', '{}', null])),
      ],
      tables: [dropped],
    },
    {
      title: 'is not misled by two columns that swap their names',
      needs,
      batches: [
        schemaAt(0, added),
        batchOf(1, insertOf(added, [...userRow(1), 'a']), insertOf(added, [...userRow(2), 'b'])),
        schemaAt(2, swapped, added),
        batchOf(2, insertOf(swapped, [3n, '{"x": 1}', 'c'])),
      ],
      tables: [swapped],
    },
  ]
}

type Column = Table['columns'][number]

function snapshotScenarios(): Scenario[] {
  const chunk = (generation: string, n: number): string => `public.users/${generation}/${n}`
  return [
    {
      title: 'takes a first snapshot beside the stream',
      batches: [
        begin,
        snapshotBeginAt(1, users, 'g1'),
        batchOf(1, insertOf(users, userRow(50, 'by the stream'))),
        rowsAt(2, { table: users, chunk: chunk('g1', 0), rows: numbers(40).map((id) => userRow(id)) }),
        batchOf(2, updateOf(users, userRow(3, 'changed')), deleteOf(users, onlyKey(4))),
        rowsAt(3, { table: users, chunk: chunk('g1', 1), rows: [userRow(60)], last: false }),
        rowsAt(3, { table: users, chunk: chunk('g1', 1), rows: [userRow(61)] }),
        snapshotEndAt(3, users, 'g1'),
        batchOf(3, deleteOf(users, onlyKey(61))),
      ],
      tables: [users],
    },
    {
      title: 'drops at the end of a later snapshot the rows that neither it nor the stream delivered',
      batches: [
        begin,
        snapshotBeginAt(1, users, 'g1'),
        rowsAt(1, { table: users, chunk: chunk('g1', 0), rows: numbers(10).map((id) => userRow(id)) }),
        snapshotEndAt(1, users, 'g1'),
        snapshotBeginAt(2, users, 'g2', false),
        batchOf(2, updateOf(users, userRow(2, 'kept by the stream')), insertOf(users, userRow(20))),
        rowsAt(3, { table: users, chunk: chunk('g2', 0), rows: [userRow(1, 'read again'), userRow(5)] }),
        batchOf(3, deleteOf(users, onlyKey(5))),
        snapshotEndAt(4, users, 'g2'),
      ],
      tables: [users],
    },
    {
      title: 'takes an empty table, an empty chunk and a table that becomes empty by its second snapshot',
      batches: [
        begin,
        snapshotBeginAt(1, users, 'g1'),
        rowsAt(1, { table: users, chunk: chunk('g1', 0), rows: [userRow(1)] }),
        snapshotEndAt(1, users, 'g1'),
        snapshotBeginAt(2, users, 'g2', false),
        rowsAt(2, { table: users, chunk: chunk('g2', 0), rows: [] }),
        snapshotEndAt(2, users, 'g2'),
      ],
      tables: [users],
    },
  ]
}

function hostileNames(): Scenario {
  const names = ['a.b', 'a/b', '..', '"quoted"', "it's", 'Straße', 'select', ' spaced ', 'semi;--', 'x'.repeat(63), '%2E', 'ünï𝕔'.repeat(4)]
  const tables = names.map((name, at) => {
    const [id, ...rest] = usersTable().columns as [Column, ...Column[]]
    const columns = [{ ...id, name }, ...rest.map((column, n) => ({ ...column, name: `${column.name} ${name}`.slice(0, 30) + n }))]
    return sampleTable(name, columns, { schema: at % 2 === 0 ? 'public' : `s ${names.at(-at)}`.slice(0, 40), id: 100 + at })
  })
  return {
    title: 'keeps apart and whole what hostile names name',
    steady: true,
    batches: [...tables.map((table) => schemaAt(0, table)), batchOf(1, ...tables.map((table, at) => insertOf(table, userRow(at))))],
    tables,
  }
}

function everyKind(): Scenario {
  const table = everyKindTable()
  const [usual, extreme, empty, nulls] = everyKindRows() as [Row, Row, Row, Row] // there are four
  return {
    title: 'holds every kind of value, by snapshot as by stream',
    batches: [
      schemaAt(0, table),
      snapshotBeginAt(1, table, 'g1'),
      rowsAt(1, { table, chunk: 'public.every_kind/g1/0', rows: [usual, extreme, empty, nulls] }),
      snapshotEndAt(1, table, 'g1'),
      batchOf(2, ...[usual, extreme, empty, nulls].map((row, at) => insertOf(table, [BigInt(at + 10), ...row.slice(1)]))),
      batchOf(3, updateOf(table, [10n, ...nulls.slice(1)]), updateOf(table, [13n, ...extreme.slice(1)])),
    ],
    tables: [table],
  }
}
