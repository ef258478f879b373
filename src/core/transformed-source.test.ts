import { expect, test } from 'vitest'
import type { Source } from '../contracts/source.ts'
import type { Row, Table } from '../contracts/table.ts'
import type { Transform } from '../contracts/transform.ts'
import { userRow, usersTable } from '../testing/fixtures.ts'
import { createTransformation } from './transformation.ts'
import { keysBefore, transformedSource } from './transformed-source.ts'

const users = usersTable()
/** The key last, and only the rows past 1; `isMade`: under another value. */
const reorder = (isMade: boolean): Transform => ({
  table: (table) => ({
    to: { ...table, columns: [table.columns[1]!, table.columns[0]!], key: [1], version: 'made' },
    moves: [1, isMade ? null : 0],
    selects: true,
    rows: (rows) => rows.filter((row) => row[0] !== 1n).map((row) => [row[1]!, isMade ? -(row[0] as bigint) : row[0]!]),
    change: (change) => change,
  }),
})

async function scanned(isMade: boolean, keys: readonly Row[] | null) {
  const asked: (readonly Row[] | null)[] = []
  const source = {
    tables: async () => [users],
    async *scan(_: Table, wanted: readonly Row[] | null) {
      asked.push(wanted)
      yield [1, 2, 3].map((id) => userRow(id)).filter((row) => wanted === null || wanted.some((key) => key[0] === row[0]))
    },
  } as unknown as Source // what is asked of it here
  const made = transformedSource(source, createTransformation([reorder(isMade)], { keyNeededBy: null }))
  const [table] = await made.tables()
  const rows: Row[] = []
  for await (const some of made.scan(table!, keys, new AbortController().signal)) rows.push(...some)
  return { asked, rows }
}

test('rows and tables are what the transforms make of them', async () => {
  expect((await scanned(false, null)).rows).toEqual([
    ['user 2', 2n],
    ['user 3', 3n],
  ])
})

test('the source is asked for keys where they are its own, else for everything', async () => {
  expect(await scanned(false, [[null, 3n]])).toEqual({ asked: [[[3n, null, null, null]]], rows: [['user 3', 3n]] })
  expect(await scanned(true, [[null, -3n]])).toEqual({ asked: [null], rows: [['user 3', -3n]] })
})

test('a key that was made anew names no row of the source', () => {
  const chain = (isMade: boolean) => createTransformation([reorder(isMade)], { keyNeededBy: null }).chain(users)
  expect(keysBefore(chain(true), [])).toBeNull()
  expect(keysBefore(chain(false), [['x', 7n]])).toEqual([[7n, null, null, null]])
})
