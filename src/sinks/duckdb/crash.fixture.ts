import { changes, makeTable, openTestSink, signal } from './sink.fixture.ts'

/** Writes batches without end, each raising every row's counter and adding a row, until it is killed. */
const USERS = makeTable([
  ['id', { kind: 'int32' }],
  ['counter', { kind: 'int32' }],
])
const [folder = ''] = process.argv.slice(2)
const sink = openTestSink(folder)
const record = await sink.resume()
for (let n = record ? Number.parseInt(record.position, 16) + 1 : 1; ; n++) {
  const updates = Array.from({ length: n - 1 }, (_, id) => ({ op: 'update' as const, after: [id + 1, n] }))
  await sink.write(changes(n, USERS, [...updates, { op: 'insert', after: [n, n] }]), signal)
  process.stdout.write(`${n}\n`)
}
