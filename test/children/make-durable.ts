import { join } from 'node:path'
import { openFile } from '../../src/sinks/file/sink.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { openSqliteState } from '../../src/state/sqlite/state-store.ts'
import { batchOf, insertOf, userRow, usersTable } from '../../src/testing/fixtures.ts'
import { createPlainFormat } from '../../src/testing/plain-format.ts'

/** Makes a little of everything that Millrace promises to survive a power cut. argv: the folder. */
const [, , base = ''] = process.argv
await using state = await openSqliteState(join(base, 'state', 'deep', 'shop.db'), { pipeline: 'shop' })
const root = join(base, 'out')
await using sink = openFile({ name: 'out', root, format: createPlainFormat(), rollSize: 1e6, rollAfterMs: 1e6, state: state.sink('out') })
await sink.resume()
const { signal } = new AbortController()
for (const at of [1, 2]) {
  await sink.write(batchOf(at, insertOf(usersTable(), userRow(at))), signal)
  await sink.flush(signal)
}
const store = createLocalStore({ sink: 'lake', root: join(base, 'lake'), owner: 'shop.lake' })
const file = store.create('public.users/changes/a.parquet')
await file.append([Buffer.from('whole')])
await file.commit({})
await state.set({ acknowledged: 'everything' })
