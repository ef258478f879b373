import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import type { Connection } from './connection.ts'
import { openSession } from './session.ts'

test('a connection that breaks under the first thing that is said is a lost source, not the end of the process', async () => {
  const broken = Object.assign(new Error('write ECONNRESET'), { code: 'ECONNRESET' })
  const copy = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(broken) })
  const walsender = { query: () => copy, connection: { stream: { destroy() {} } } } as unknown as Connection // all that is asked of it
  const options = {
    url: 'postgres://nowhere/x',
    slot: 's',
    publications: ['p'],
    from: '0000000000000000',
    acknowledged: null,
    slotWaitMs: 0,
  }
  const opened = openSession(
    { ...options, walsender, remember: async () => {} },
    { data: () => {}, failed: () => {} },
    new AbortController().signal,
  )
  await expect(opened).rejects.toMatchObject({ code: 'SOURCE_LOST', kind: 'transient' })
})
