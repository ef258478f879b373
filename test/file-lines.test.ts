import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change } from '../src/contracts/change.ts'
import { tableName, type Row, type Table } from '../src/contracts/table.ts'
import { createNative } from '../src/formats/native/native.ts'
import { openFile } from '../src/sinks/file/sink.ts'
import { batchOf, insertOf, usersTable } from '../src/testing/fixtures.ts'
import { withImages } from '../src/testing/imaged-changes.ts'
import { createMemorySinkState } from '../src/testing/memory-sink-state.ts'

const column = { id: 1, sourceType: '', typeOid: 0, typeModifier: -1, nullable: true }
const wide: Table = {
  ...usersTable(),
  schema: 'public',
  name: 'wide "and" odd',
  id: 77,
  version: 'w',
  columns: [
    { ...column, name: 'id', id: 1, type: { kind: 'int64' } },
    { ...column, name: 'te"xt', id: 2, type: { kind: 'text', name: 'text' } },
    { ...column, name: 'doc', id: 3, type: { kind: 'json', binary: false } },
    { ...column, name: 'tags', id: 4, type: { kind: 'array', of: { kind: 'text', name: 'text' } } },
    { ...column, name: 'ratio', id: 5, type: { kind: 'float64' } },
    { ...column, name: 'ok', id: 6, type: { kind: 'boolean' } },
    { ...column, name: 'at', id: 7, type: { kind: 'timestamptz' } },
    { ...column, name: 'price', id: 8, type: { kind: 'decimal', precision: null, scale: null } },
  ],
  key: [0],
}
const narrow: Table = { ...wide, name: 'narrow', id: 78, columns: wide.columns.slice(0, 2), key: [] }

const long = fc.integer({ min: 10_000, max: 400_000 }).map((length) => 'ä"'.repeat(length / 2))
const text = fc.oneof(
  { weight: 40, arbitrary: fc.string({ unit: 'grapheme' }).map((made) => made.replaceAll('\0', '')) },
  { weight: 1, arbitrary: long },
)
const rowOf = fc.tuple(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.option(text),
  fc.option(fc.constantFrom('null', ' null', '{"a": null}', '[1,\n2]', '"x"', '12')),
  fc.option(fc.array(text, { maxLength: 3 })),
  fc.option(fc.double()),
  fc.option(fc.boolean()),
  fc.option(fc.constantFrom('infinity', '2026-11-20T01:02:03.5Z', '-0043-03-15T00:00:00Z', '9999-12-31T23:59:59.999999Z')),
  fc.option(fc.constantFrom('NaN', '-Infinity', '0', '-12.50', `1${'0'.repeat(300)}.5`)),
)

/** The lines that the format says, one change at a time, are what must lie in the files, however they were written. */
test('rows in the bytes they came in give the lines that their values give, table by table, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(rowOf, fc.boolean()), { minLength: 1, maxLength: 60 }), async (draws) => {
      const root = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
      try {
        const sink = openFile({
          ...{ name: 'file', root, format: createNative(), rollSize: 1e9, rollAfterMs: 1e9 },
          state: createMemorySinkState(),
        })
        const batches = draws.map(([row, isWide], at) => {
          const table = isWide ? wide : narrow
          return batchOf(at + 1, insertOf(table, (isWide ? [...row] : row.slice(0, 2)) as Row))
        })
        const expected = new Map<string, string>()
        for (const batch of batches) {
          await sink.write(withImages(batch), new AbortController().signal)
          for (const change of batch.changes) note(expected, change)
        }
        await sink.flush(new AbortController().signal)
        await sink[Symbol.asyncDispose]()
        expect(await readTables(root)).toEqual([...expected.values()].sort())
      } finally {
        await rm(root, { recursive: true })
      }
    }),
    { numRuns: 60 },
  )
}, 120_000)

function note(expected: Map<string, string>, change: Change): void {
  const name = change.table === null ? '' : tableName(change.table)
  expected.set(name, (expected.get(name) ?? '') + createNative().changeLine(change))
}

async function readTables(root: string): Promise<string[]> {
  const texts: string[] = []
  for (const folder of await readdir(root)) {
    const files = (await readdir(join(root, folder))).sort()
    texts.push((await Promise.all(files.map((file) => readFile(join(root, folder, file), 'utf8')))).join(''))
  }
  return texts.sort()
}
