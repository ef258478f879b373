import fc from 'fast-check'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { MillraceError } from '../../errors/millrace-error.ts'
import { collect, column, decimal, duckdb, fileOf, onDisk, rowsOf, TEXT } from './parquet.fixture.ts'
import { bytesOfMemory, openFileBytes, readFooter, readRows, type FileBytes } from './read-file.ts'

const columns = [
  column('id', { kind: 'int64' }),
  column('name', TEXT),
  column('tags', { kind: 'array', of: TEXT }),
  column('price', decimal(20, 2)),
  column('flag', { kind: 'boolean' }),
]
const rows = Array.from({ length: 300 }, (_, n) => [
  BigInt(n),
  n % 3 ? `name ${n % 7}` : null,
  n % 4 ? [`t${n}`, null] : [],
  `${n}.25`,
  n % 2 === 0,
])
const whole = fileOf(columns, [rows.slice(0, 100), rows.slice(100)], { rowGroupBytes: 3000, metadata: { a: 'b' } })

it('a file on disk gives its footer and its rows', async () => {
  await using file = await openFileBytes(onDisk(whole))
  const footer = await readFooter(file)
  expect(footer).toMatchObject({ rowCount: 300, metadata: { a: 'b' }, columns: ['id', 'name', 'tags', 'price', 'flag'] })
  expect((await collect(readRows(file, footer))).flat()).toEqual(rows)
})

it('a far file is read by ranges: its end for the footer, then each row group once', async () => {
  const asked: [number, number][] = []
  const file: FileBytes = {
    path: 'far',
    byteLength: whole.length,
    slice: async (start, end) => {
      asked.push([start, end])
      return whole.subarray(start, end)
    },
  }
  const footer = await readFooter(file)
  expect(asked).toEqual([[0, whole.length]])
  expect(footer.raw.row_groups.length).toBeGreaterThan(1)
  await collect(readRows(file, footer))
  expect(asked).toHaveLength(1 + footer.raw.row_groups.length)
})

it('a footer of any length is found', async () => {
  const bytes = fileOf(columns, [rows], { metadata: { long: 'x'.repeat(200_000) } })
  expect((await readFooter(bytesOfMemory('m', bytes))).metadata['long']).toHaveLength(200_000)
})

it('more rows than are decoded at once come in order', async () => {
  const many = Array.from({ length: 70_000 }, (_, n) => [n, n % 5 ? [n, null] : null])
  const two = [column('n', { kind: 'int32' }), column('l', { kind: 'array', of: { kind: 'int32' } })]
  const pieces = await collect(readRows(bytesOfMemory('m', fileOf(two, [many]))))
  expect(pieces.map((piece) => piece.length)).toEqual([32_768, 32_768, 4464])
  expect(pieces.flat()).toEqual(many)
})

it.each(['zstd', 'snappy', 'gzip', 'brotli', 'uncompressed'])('files of DuckDB with %s are read too', async (compression) => {
  const path = onDisk(new Uint8Array(0))
  await duckdb(
    `COPY (SELECT range::INTEGER AS n, 'text ' || range AS t, range / 4 > 3 AS b FROM range(50)) TO '${path}' (FORMAT parquet, COMPRESSION ${compression})`,
  )
  expect((await rowsOf(readFileSync(path)))[49]).toEqual([49, 'text 49', true])
})

it('a file that is cut anywhere is PARQUET_MALFORMED', async () => {
  for (let length = 0; length < whole.length; length += 7) await expectMalformed(() => rowsOf(whole.subarray(0, length)))
  const path = onDisk(whole)
  await using file = await openFileBytes(path)
  truncateSync(path, whole.length - 100)
  await expectMalformed(() => readFooter(file))
  writeFileSync(path, 'no Parquet')
  await using other = await openFileBytes(path)
  await expectMalformed(() => readFooter(other))
})

it('a file with any bytes changed is PARQUET_MALFORMED, or has as many rows as it says', async () => {
  const small = fileOf(columns, [rows.slice(0, 20), rows.slice(20, 40)], { rowGroupBytes: 500 })
  const flips = fc.array(fc.tuple(fc.nat(small.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(flips, async (changes) => {
      const bytes = Buffer.from(small)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        const footer = await readFooter(bytesOfMemory('m', bytes))
        expect(await rowsOf(bytes)).toHaveLength(footer.rowCount)
      } catch (error) {
        if (!(error instanceof MillraceError && error.code === 'PARQUET_MALFORMED')) throw error
      }
    }),
    { numRuns: 400 },
  )
})

it('what the medium says comes through', async () => {
  const failing: FileBytes = { path: 'far', byteLength: 1000, slice: () => Promise.reject(new Error('the network is gone')) }
  await expect(readFooter(failing)).rejects.toThrow('the network is gone')
  await expect(openFileBytes('/nowhere/at/all')).rejects.toThrow('ENOENT')
})

async function expectMalformed(read: () => Promise<unknown>): Promise<void> {
  await expect(read()).rejects.toMatchObject({ code: 'PARQUET_MALFORMED', kind: 'operator' })
}
