import { describe, expect, test } from 'vitest'
import type { RowsBatch } from '../../contracts/batch.ts'
import { batchOf, insertOf, rowsAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'
import { openDiscard } from './sink.ts'

const users = usersTable()
const { signal } = new AbortController()

describe('the sink discard conforms', () => {
  const place = async () => ({ open: definition.open.bind(null, config.parse({})), remove: async () => {} })
  for (const { title, run } of sinkConformance({ name: 'discard', capabilities: definition.capabilities, place })) test(title, run)
})

describe('the sink discard', () => {
  test.each([
    ['none', []],
    ['rows', ['rows']],
    ['columns', ['columns']],
  ] as const)('decodes %s', async (decode, expected) => {
    const { batch, decoded } = watchedRows()
    const sink = openDiscard({ decode, log: { debug() {} } })
    expect(await sink.write(batch, signal)).toBe('durable')
    expect(decoded).toEqual(expected)
  })

  test('says at its end what it dropped', async () => {
    const news: unknown[] = []
    const sink = openDiscard({ decode: 'none', log: { debug: (event, fields) => news.push([event, fields]) } })
    await sink.write(batchOf(1, insertOf(users, userRow(1))), signal)
    await sink.write(rowsAt(2, { table: users, chunk: 'c', rows: [userRow(2), userRow(3)] }), signal)
    await sink[Symbol.asyncDispose]()
    expect(news).toEqual([['discard.dropped', { changes: 1, rows: 2, bytes: 300 }]])
  })
})

function watchedRows(): { batch: RowsBatch; decoded: string[] } {
  const decoded: string[] = []
  const batch = rowsAt(1, { table: users, chunk: 'c', rows: [userRow(1)] })
  const { rows, columns } = batch
  return { decoded, batch: { ...batch, rows: () => (decoded.push('rows'), rows()), columns: () => (decoded.push('columns'), columns()) } }
}
