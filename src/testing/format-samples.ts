import type { Batch } from '../contracts/batch.ts'
import type { Change } from '../contracts/change.ts'
import type { Format, Message } from '../contracts/format.ts'
import { UNCHANGED, type Row, type Table } from '../contracts/table.ts'
import { messagesOf } from '../messages/messages-of.ts'
import {
  batchOf,
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  messageAt,
  positionAt,
  rowsAt,
  schemaAt,
  snapshotBeginAt,
  snapshotEndAt,
  transactionOf,
  truncateOf,
  updateOf,
  userRow,
  usersTable,
  type Act,
} from './fixtures.ts'
import { frozen } from './place-batches.ts'

export const users = usersTable()
export const everyKind = everyKindTable()
export const keyless: Table = { ...users, key: [], identity: 'full', version: 'keyless' }
export const AT = { position: positionAt(9), chunk: 'public.every_kind/g1/0' }

export function onlyKey(id: number): Row {
  return [BigInt(id), UNCHANGED, UNCHANGED, UNCHANGED]
}

/** A change of each kind, in frozen rows. */
export function sampleChanges(): Change[] {
  const changes = [
    ...transactionOf(
      1,
      everyKindRows().map((row) => insertOf(everyKind, row)),
    ),
    ...transactionOf(2, [
      updateOf(users, userRow(1)),
      updateOf(users, [1n, 'part', null, UNCHANGED], { before: onlyKey(2), oldKey: onlyKey(2) }),
      deleteOf(users, onlyKey(1)),
      truncateOf(users),
      insertOf(keyless, userRow(1, 'line\nbreak "quoted" \u0007')),
      updateOf(keyless, userRow(1), { before: userRow(1, 'old') }),
      deleteOf(keyless, userRow(1)),
    ]),
    messageAt(3),
    { ...messageAt(4), tx: null, transactional: false },
  ]
  const batch = frozen({ ...batchOf(1), changes })
  return batch.kind === 'changes' ? [...batch.changes] : []
}

export function changeOf(act: Act): Change {
  return transactionOf(1, [act])[0]! // one act gives one change
}

/** A short life of a log: schemas, a copy, transactions, an empty batch. */
export function sampleBatches(): Batch[] {
  return [
    schemaAt(1, users),
    snapshotBeginAt(1, users, 'g1'),
    rowsAt(1, { table: users, chunk: 'public.users/g1/0', rows: [userRow(1), userRow(2)] }),
    snapshotEndAt(1, users, 'g1'),
    batchOf(2, updateOf(users, userRow(1, 'new')), deleteOf(users, onlyKey(2))),
    batchOf(3),
    schemaAt(4, everyKind),
    batchOf(4, ...everyKindRows().map((row) => insertOf(everyKind, row))),
    { ...schemaAt(5, everyKind), event: 'table-dropped' },
  ].map((batch) => frozen(batch as Batch)) // each is one
}

export function messagesOfAll(format: Format, batches: readonly Batch[]): Message[] {
  return batches.flatMap((batch) => [...messagesOf(format, batch)].map(({ message }) => ({ ...message })))
}
