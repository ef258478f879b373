import type { Batch } from '../contracts/batch.ts'
import { batchOf, deleteOf, insertOf, rowsAt, schemaAt, snapshotBeginAt, snapshotEndAt, updateOf, userRow, usersTable } from './fixtures.ts'
import { signal, writeAll, type Bench, type BenchCase } from './sink-bench.ts'
import type { SinkPlace } from './sink-subject.ts'
import { createTalkingFormat } from './talking-format.ts'

/** What a sink of messages must carry, whatever the format says. */
export const messageCases: readonly BenchCase[] = [
  {
    title: 'carries all that a format says: schemas, several messages of one change, tombstones, what ends a transaction',
    run: carriesEverything,
    format: ({ ownTopic }: SinkPlace) => createTalkingFormat(ownTopic ?? null),
  },
]

const users = usersTable()

async function carriesEverything({ place, open, expectHolds }: Bench): Promise<void> {
  if (!place.messages) return
  const wider = { ...users, version: 'wider' }
  const batches: readonly Batch[] = [
    schemaAt(1, users),
    snapshotBeginAt(2, users, 'g1'),
    rowsAt(3, { table: users, chunk: 'public.users/g1/0', rows: [userRow(1), userRow(2)] }),
    snapshotEndAt(4, users, 'g1'),
    batchOf(4, updateOf(users, userRow(1, 'new')), deleteOf(users, userRow(1)), insertOf(users, userRow(1, 'again'))),
    batchOf(5),
    schemaAt(7, wider, users),
    batchOf(7, insertOf(wider, userRow(3)), deleteOf(wider, userRow(2)), deleteOf(wider, userRow(3))),
  ]
  const { sink } = await open()
  await writeAll(sink, batches)
  await sink.flush(signal)
  await sink[Symbol.asyncDispose]()
  await expectHolds(batches, [users])
}
