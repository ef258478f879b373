import type { Batch } from '../contracts/batch.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import {
  batchOf,
  deleteOf,
  insertOf,
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
import type { Scenario } from './sink-scenarios.ts'

const users = usersTable()
const orders = usersTable({ name: 'orders', id: 2 })
const text = (name: string, id: number) => sampleColumn(name, { kind: 'text', name: 'text' }, { id, sourceType: 'text', typeOid: 25 })
/** Its key is of two columns, in another order than the columns. */
const PARTS = sampleTable('parts', [text('note', 1), text('a', 2), text('b', 3)], { id: 3, key: [2, 1] })
const KEYLESS = sampleTable('entries', [text('a', 1), text('b', 2)], { id: 4, key: [], identity: 'full' })

/** Which row is meant: by keys of more than one column, keys that look alike, without a key; and what belongs to which table and transaction. */
export const KEY_SCENARIOS: readonly Scenario[] = [
  {
    title: 'tells keys of two columns apart that look alike, also where they are not the first columns',
    steady: true,
    batches: [
      schemaAt(0, PARTS),
      batchOf(1, ...lookAlike().map(([a, b], at) => insertOf(PARTS, [`note ${at}`, a, b]))),
      batchOf(2, ...lookAlike().map(([a, b], at) => updateOf(PARTS, [`again ${at}`, a, b]))),
      batchOf(3, deleteOf(PARTS, [UNCHANGED, 'a', 'b,c']), moved(['x', 'y'], ['y', 'x']), moved(['A', 'b'], ['x', 'y'])),
    ],
    tables: [PARTS],
  },
  {
    title: 'keeps apart the tables that one transaction changes in turn',
    batches: [
      schemaAt(0, users),
      schemaAt(0, orders),
      batchOf(
        1,
        insertOf(users, userRow(1)),
        insertOf(orders, userRow(1, 'order')),
        insertOf(users, userRow(2)),
        insertOf(orders, userRow(2)),
      ),
      batchOf(
        2,
        deleteOf(users, onlyKey(1)),
        updateOf(orders, userRow(1, 'paid')),
        insertOf(users, userRow(1, 'back')),
        deleteOf(orders, onlyKey(2)),
      ),
    ],
    tables: [users, orders],
  },
  {
    title: 'takes a transaction in several batches',
    batches: [
      schemaAt(0, users),
      inside(batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2)))),
      inside(batchOf(1, updateOf(users, userRow(1, 'later')), insertOf(users, userRow(3)))),
      batchOf(1, deleteOf(users, onlyKey(2)), updateOf(users, userRow(3, 'last'))),
      batchOf(2, updateOf(users, userRow(1, 'after'))),
    ],
    tables: [users],
  },
  {
    title: 'takes copies of two tables at once, chunk by chunk',
    batches: twoCopies(),
    tables: [users, orders],
  },
  {
    title: 'takes what happens to the rows of a copy while it goes on',
    needs: (can) => can.truncate,
    batches: [
      schemaAt(0, users),
      snapshotBeginAt(1, users, 'g1'),
      rowsAt(1, { table: users, chunk: chunkOf(users, 'g1', 0), rows: [1, 2, 3, 4].map((id) => userRow(id)) }),
      snapshotEndAt(1, users, 'g1'),
      snapshotBeginAt(1, users, 'g2', false),
      batchOf(1, deleteOf(users, onlyKey(1)), insertOf(users, userRow(1, 'again'))),
      rowsAt(2, { table: users, chunk: chunkOf(users, 'g2', 0), rows: [userRow(2, 'read'), userRow(7, 'read')] }),
      batchOf(
        2,
        updateOf(users, userRow(8, 'moved'), { before: onlyKey(7), oldKey: onlyKey(7) }),
        truncateOf(users),
        insertOf(users, userRow(3)),
      ),
      snapshotEndAt(3, users, 'g2'),
    ],
    tables: [users],
  },
  {
    title: 'counts equal rows of a table without a key',
    needs: (can) => !can.needsKey,
    batches: [
      schemaAt(0, KEYLESS),
      snapshotBeginAt(1, KEYLESS, 'g1'),
      rowsAt(1, { table: KEYLESS, chunk: chunkOf(KEYLESS, 'g1', 0), rows: [pair(), pair(), ['other', null]] }),
      snapshotEndAt(1, KEYLESS, 'g1'),
      batchOf(2, insertOf(KEYLESS, pair()), insertOf(KEYLESS, ['x', 'y']), insertOf(KEYLESS, ['x', 'y'])),
      batchOf(3, deleteOf(KEYLESS, pair()), updateOf(KEYLESS, ['x', 'z'], { before: ['x', 'y'] })),
    ],
    tables: [KEYLESS],
  },
  {
    title: 'goes on with the others when a table leaves',
    steady: true,
    batches: [
      schemaAt(0, users),
      schemaAt(0, orders),
      batchOf(1, insertOf(users, userRow(1)), insertOf(orders, userRow(1))),
      { ...schemaAt(2, orders), event: 'table-dropped' },
      batchOf(2, insertOf(users, userRow(2)), updateOf(users, userRow(1, 'stays'))),
    ],
    tables: [users],
  },
]

/** Pairs that become one where parts are put together without a bound, or compared as a dictionary would. */
function lookAlike(): [string, string][] {
  return [
    ['a', 'b,c'],
    ['a,b', 'c'],
    ['a|b', 'c'],
    ['a', 'b|c'],
    ['', 'ab'],
    ['ab', ''],
    ['A', 'b'],
    ['a', 'b'],
    ['a', 'b '],
    ['é', 'x'],
    ['e\u0301', 'x'],
    ['1', '01'],
    ['null', ''],
    ['x', 'y'],
  ]
}

function moved([fromA, fromB]: [string, string], [a, b]: [string, string]) {
  const old: Row = [UNCHANGED, fromA, fromB]
  return updateOf(PARTS, ['moved', a, b], { before: old, oldKey: old })
}

function pair(): Row {
  return ['same', 'same']
}

function onlyKey(id: number): Row {
  return [BigInt(id), UNCHANGED, UNCHANGED, UNCHANGED]
}

function inside(batch: ReturnType<typeof batchOf>): Batch {
  return { ...batch, betweenTransactions: false }
}

function chunkOf(table: Table, generation: string, n: number): string {
  return `${table.schema}.${table.name}/${generation}/${n}`
}

/** A generation is of one table: no two tables have one of the same name. */
function twoCopies(): Batch[] {
  const rows = (table: Table, n: number, ids: readonly number[]) =>
    rowsAt(1, { table, chunk: chunkOf(table, `${table.name}1`, n), rows: ids.map((id) => userRow(id)) })
  return [
    schemaAt(0, users),
    schemaAt(0, orders),
    snapshotBeginAt(1, users, 'users1'),
    rows(users, 0, [1, 2]),
    snapshotBeginAt(1, orders, 'orders1'),
    rows(orders, 0, [1, 2, 3]),
    batchOf(2, updateOf(orders, userRow(2, 'changed')), deleteOf(users, onlyKey(2))),
    rows(users, 1, [3]),
    snapshotEndAt(3, users, 'users1'),
    rows(orders, 1, [4]),
    snapshotEndAt(4, orders, 'orders1'),
  ]
}
