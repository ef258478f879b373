import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Change, RowChange } from '../../contracts/change.ts'
import { UNCHANGED, type Row } from '../../contracts/table.ts'
import type { MillraceError } from '../../errors/millrace-error.ts'
import {
  deleteOf,
  everyKindRows,
  everyKindTable,
  insertOf,
  transactionOf,
  truncateOf,
  updateOf,
  usersTable,
  type Act,
} from '../../testing/fixtures.ts'
import { definition } from './definition.ts'
import { isOfType } from './is-of-type.ts'

const U: typeof UNCHANGED = UNCHANGED
const users = usersTable()
let folder: string
let count = 0
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-script-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A script of this body, as a module of TypeScript. */
async function scriptOf(body: string, name = `script-${count++}.ts`) {
  writeFileSync(join(folder, name), body)
  return definition.create(definition.config.parse({ module: `./${name}` }) as never, { name: 'transforms[0] (script)', baseDir: folder }) // what it parsed
}
const stepOf = async (body: string) => (await scriptOf(body)).table(users)!
const one = (act: Act) => transactionOf(1, [act])[0] as RowChange // one act, one change
const made = async (body: string, act: Act) => (await stepOf(body)).change(one(act)) as Change | null | readonly Change[]
const thrown = (body: string, act: Act) =>
  made(body, act).then(
    () => null,
    (error: MillraceError) => error,
  )

test('a script gets friendly objects', async () => {
  const step = await stepOf(
    `export default (change) => { globalThis.given = [...(globalThis.given ?? []), structuredClone(change)]; return change }`,
  )
  const act = updateOf(users, [8n, 'Ada', '1.00', U], { oldKey: [7n, U, U, U], before: [7n, U, U, U] })
  step.change(one(act))
  step.rows([[1n, 'Eve', null, '{}']], { position: '0000000000000010', chunk: 'c' })
  expect((globalThis as { given?: unknown[] }).given).toEqual([
    {
      op: 'update',
      table: 'public.users',
      key: { id: 8n },
      oldKey: { id: 7n },
      before: { id: 7n },
      after: { id: 8n, name: 'Ada', balance: '1.00' },
      unchanged: ['doc'],
      position: '0000000000000100',
      ordinal: 0,
      xid: 701,
      commitTime: '2026-09-21T14:13:21.123456Z',
    },
    {
      op: 'read',
      table: 'public.users',
      key: { id: 1n },
      oldKey: null,
      before: null,
      after: { id: 1n, name: 'Eve', balance: null, doc: '{}' },
      unchanged: [],
      position: '0000000000000010',
      ordinal: null,
      xid: null,
      commitTime: null,
    },
  ])
})

test('what it returns unaltered is the change, of every kind', async () => {
  const same = `export default (change: object) => change`
  const act = updateOf(users, [8n, 'Ada', '1.00', U], { oldKey: [7n, U, U, U], before: [7n, U, U, U] })
  expect(await made(same, act)).toEqual({ ...one(act), mayBeNew: true })
  for (const each of [insertOf(users, [1n, 'a', null, null]), deleteOf(users, [1n, U, U, U]), truncateOf(users)])
    expect(await made(same, each)).toEqual(one(each))
})

test('it alters, drops and multiplies', async () => {
  const insert = insertOf(users, [1n, 'Ada', '1.00', null])
  expect(await made(`export default (c) => ({ ...c, after: { ...c.after, name: c.after.name.toUpperCase() } })`, insert)).toMatchObject({
    after: [1n, 'ADA', '1.00', null],
  })
  expect(await made(`export default () => null`, insert)).toEqual([])
  const twice = await made(`export default (c) => [c, { ...c, after: { ...c.after, id: -c.after.id } }]`, insert)
  expect(twice).toMatchObject([{ after: [1n, 'Ada', '1.00', null] }, { after: [-1n, 'Ada', '1.00', null] }])
  const gone = `export default (c) => c.op === 'update' && c.after.name === 'gone' ? { ...c, op: 'delete', before: c.key } : c`
  expect(await made(gone, updateOf(users, [1n, 'gone', null, U]))).toMatchObject({ op: 'delete', before: [1n, U, U, U], after: null })
  const step = await stepOf(`export default (c) => c.after.id === 2n ? null : [c, c]`)
  const [first, second]: Row[] = [
    [1n, 'a', null, null],
    [2n, 'b', null, null],
  ]
  expect(step.rows([first!, second!], { position: '', chunk: '' })).toEqual([first, first])
})

test.each<[string, string, Act?]>([
  ['export default () => {}', 'undefined'],
  ['export default async (c) => c', 'a promise'],
  ['export default () => 7', 'a number'],
  ['export default (c) => [c, null]', 'a null in a list'],
  ['export default (c) => ({ ...c, table: "public.other" })', 'its table is another one'],
  ['export default (c) => ({ ...c, op: "read" })', 'its op cannot come of insert'],
  ['export default (c) => ({ ...c, after: { ...c.after, email: "secret" } })', 'after has the column email, which the table does not have'],
  ['export default (c) => { delete c.after.name; return c }', 'after lacks the column name'],
  ['export default (c) => ({ ...c, after: { ...c.after, name: 7 } })', 'after.name is no value of a column of its type (text)'],
  ['export default (c) => ({ ...c, after: { ...c.after, id: 7 } })', 'after.id is no value of a column of its type (int64)'],
  [
    'export default (c) => ({ ...c, after: { ...c.after, balance: "1.234" } })',
    'after.balance is no value of a column of its type (decimal)',
  ],
  ['export default (c) => ({ ...c, after: { ...c.after, id: null } })', 'after.id is null, and the column takes no NULL'],
  ['export default (c) => ({ ...c, op: "insert" })', 'after lacks the column doc', updateOf(users, [1n, 'secret', null, U])],
  ['export default (c) => ({ ...c, op: "delete", before: {} })', 'before lacks the column id'],
])('%s: %s', async (body, reason, act = insertOf(users, [1n, 'secret', null, null])) => {
  const error = await thrown(body, act)
  expect(error).toMatchObject({
    code: 'TRANSFORM_SCRIPT_RESULT',
    kind: 'data',
    fields: { table: 'public.users', position: '0000000000000100, change 0' },
  })
  expect(error?.message).toContain(reason)
  expect(error?.message).not.toContain('secret')
})

test('a throw is told with its place, and nothing of what it says', async () => {
  const error = await thrown(
    'export default (c) => {\n  throw new TypeError(`bad ${c.after.name}`)\n}',
    insertOf(users, [1n, 'secret', null, null]),
  )
  expect(error).toMatchObject({
    code: 'TRANSFORM_SCRIPT_THREW',
    kind: 'data',
    fields: { name: 'TypeError', op: 'insert', table: 'public.users' },
  })
  expect(error?.message).toMatch(/script-\d+\.ts:2:\d+/)
  expect(`${error?.message} ${error?.hint} ${JSON.stringify(error?.fields)} ${String(error?.cause)}`).not.toContain('secret')
  expect(await thrown('export default (c) => { throw c.after.name }', insertOf(users, [1n, 'secret', null, null]))).toMatchObject({
    fields: { name: 'a string' },
  })
  // The key follows from the rows: who alters it is told, not passed over.
  expect(await thrown('export default (c) => { c.key.id = 9n; return c }', insertOf(users, [1n, 'secret', null, null]))).toMatchObject({
    fields: { name: 'TypeError' },
  })
})

test('a module that cannot be loaded is told at the start', async () => {
  const refused = (error: string) =>
    expect.objectContaining({ code: 'TRANSFORM_SCRIPT_UNLOADABLE', message: expect.stringContaining(error) })
  await expect(scriptOf('export const x = 1')).rejects.toThrow(refused('no default export'))
  await expect(scriptOf('throw new Error("at once")\nexport default (c) => c')).rejects.toThrow(refused('at once'))
  const gone = definition.create(definition.config.parse({ module: './gone.ts' }) as never, { name: 'x', baseDir: folder }) // what it parsed
  await expect(gone).rejects.toThrow(refused('there is no such file'))
})

test('every canonical value is one of its type', () => {
  const table = everyKindTable()
  for (const row of everyKindRows()) {
    for (const [index, { name, type }] of table.columns.entries())
      if (row[index] !== null) expect([name, isOfType(type, row[index])]).toEqual([name, true])
  }
})
