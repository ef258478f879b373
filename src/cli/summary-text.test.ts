import { expect, test } from 'vitest'
import { summaryText, type RunReport } from './summary-text.ts'

const report: RunReport = {
  end: 'caught-up',
  deadLetters: 0,
  pipeline: 'shop',
  position: '0000000004BA83A8',
  changes: 3800,
  operations: { insert: 1299, update: 2500, delete: 1, truncate: 0, message: 0 },
  rows: 235_000,
  tables: 5,
  copySeconds: 4,
  bytes: 30_000_000,
  copyBytes: 28_000_000,
  seconds: 8,
  health: null,
  example: { schema: 'public', name: 'orders' },
  sinks: [
    { name: 'lake', type: 'duckdb', where: 'shop.duckdb', query: 'duckdb shop.duckdb "SELECT * FROM public.orders LIMIT 10"' },
    { name: 'discard', type: 'discard', where: null, query: null },
  ],
}

test('says what was moved, how fast, where it lies and how to look at it', () => {
  expect(summaryText(report, false)).toBe(`Caught up: 235 000 rows copied, 3 800 changes followed in 8.0 s; durable up to 0000000004BA83A8.

  copied    235 000 rows of 5 tables, 26.7 MB in 4.0 s (58 750 rows/s)
  followed  1 299 inserts, 2 500 updates, 1 delete; 1.9 MB (475 changes/s)
  lake      shop.duckdb
            $ duckdb shop.duckdb "SELECT * FROM public.orders LIMIT 10"
`)
})

test('where nothing was moved and nothing lies anywhere, one line is all', () => {
  const nothing = { ...report, end: 'drained' as const, changes: 0, rows: 0, tables: 0, bytes: 0, copyBytes: 0, sinks: [], position: null }
  expect(summaryText(nothing, false)).toBe('Stopped; everything taken is durable: 0 rows copied, 0 changes followed in 8.0 s.')
})
