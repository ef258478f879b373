import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Row } from '../../contracts/table.ts'
import { withLowerBounds } from '../../values/lower-bounds.ts'
import { createByteGate } from './byte-gate.ts'
import { columnsOfRows } from './columns-of-rows.ts'
import { openEncoderPool } from './encoder-pool.ts'
import { openEncoderThread } from './encoder-thread.ts'
import { column, decimal, fileOf, rowsOf, TEXT } from './parquet.fixture.ts'
import { parquetSchema } from './schema.ts'

const columns = [
  column('id', { kind: 'int64' }),
  column('n', { kind: 'int16' }),
  column('price', decimal(9, 2)),
  column('name', TEXT),
  column('uid', { kind: 'uuid' }),
  column('tags', { kind: 'array', of: TEXT }),
  column('map', { kind: 'map' }),
  column('at', { kind: 'timestamptz' }),
]
const rows: Row[] = Array.from({ length: 5000 }, (_, n) => [
  BigInt(n),
  n % 3 ? n : null,
  `${n}.50`,
  n % 5 ? `name ${n}` : null,
  '0123abcd-4567-89ab-cdef-0123456789ab',
  n % 2 ? [`t${n}`, null] : null,
  { a: String(n) },
  n % 1000 ? '2026-11-20T01:02:03.5Z' : 'infinity',
])
const batches = Array.from({ length: 10 }, (_, n) => rows.slice(n * 500, n * 500 + 500))
const options = { compression: 'zstd', rowGroupBytes: 100_000 } as const
const schema = parquetSchema(columns, { misfit: 'null' })

it('encodes the same bytes as the writer, files side by side, in the order of the calls', async () => {
  await using pool = openEncoderPool({ threads: 2 })
  const files = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const encoder = pool.open(schema, options)
      const written = batches.map((batch) => encoder.write(columnsOfRows(columns, batch)))
      const parts = [...(await Promise.all(written)).flat(), ...(await encoder.end({ a: 'b' }))]
      expect(encoder).toMatchObject({ rows: 5000, bytes: Buffer.concat(parts).length, misfits: { at: 5 } })
      return Buffer.concat(parts)
    }),
  )
  const expected = fileOf(columns, batches, { ...options, misfit: 'null', metadata: { a: 'b' } })
  for (const file of files) expect(file.equals(expected)).toBe(true)
})

it('leaves the columns to their owner', async () => {
  await using pool = openEncoderPool({ threads: 1 })
  const shared = columnsOfRows(columns, rows)
  const one = pool.open(schema, options)
  const two = pool.open(schema, options)
  const [first, second] = [
    [...(await one.write(shared)), ...(await one.end({}))],
    [...(await two.write(shared)), ...(await two.end({}))],
  ]
  expect(Buffer.concat(first).equals(Buffer.concat(second))).toBe(true)
  expect(await rowsOf(Buffer.concat(first))).toHaveLength(5000)
})

it('brings errors back as they are, from here and from the thread, and does not end such a file', async () => {
  await using pool = openEncoderPool({ threads: 1 })
  const failing: Row[][] = [[rows[0] as Row], [(rows[1] as Row).with(5, withLowerBounds(['x'], [7]))]]
  for (const batch of failing) {
    const encoder = pool.open(parquetSchema(columns), options)
    const failure = {
      code: 'PARQUET_VALUE',
      kind: 'data',
      fields: expect.objectContaining({ column: expect.stringMatching(/^(at|tags)$/) }),
    }
    await expect(encoder.write(columnsOfRows(columns, batch))).rejects.toMatchObject(failure)
    await expect(encoder.end({})).rejects.toMatchObject(failure)
  }
  const encoder = pool.open(schema, options)
  await encoder.write(columnsOfRows(columns, rows))
  expect((await encoder.end({})).length).toBeGreaterThan(0)
})

it('a thread that dies is an error for all that waits, and for all that comes after', async () => {
  const thread = openEncoderThread(new URL('./dying-worker.fixture.ts', import.meta.url))
  const file = thread.openFile({ schema, options })
  const packed = { columns: { rowCount: 0, vectors: [] }, buffer: new ArrayBuffer(8) }
  const waiting = [file.write(packed), file.end({})]
  for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'PARQUET_THREAD', kind: 'transient' })
  await expect(file.end({})).rejects.toMatchObject({ code: 'PARQUET_THREAD' })
  expect(thread.isAlive()).toBe(false)
})

it('closing fails what still waits, and frees abandoned files before', async () => {
  const pool = openEncoderPool({ threads: 1 })
  const encoder = pool.open(schema, options)
  pool.open(schema, options).abandon()
  const waiting = encoder.write(columnsOfRows(columns, rows))
  const seen = expect(waiting).rejects.toMatchObject({ code: 'PARQUET_THREAD' })
  await pool[Symbol.asyncDispose]()
  await seen
})

it('an idle pool keeps no process alive, and runs from sources', () => {
  const script = join(import.meta.dirname, 'idle-pool.fixture.ts')
  expect(execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 })).toMatch(/^\d+ 1$/)
})

it('lets in no more bytes than the limit, in order, and one that is larger by itself alone', async () => {
  const gate = createByteGate(100)
  const entered: string[] = []
  const enter = (name: string, bytes: number) => gate.enter(bytes).then(() => entered.push(name))
  const all = [enter('a', 60), enter('b', 60), enter('c', 10), enter('huge', 1000), enter('d', 1)]
  await all[0]
  expect(entered).toEqual(['a'])
  gate.leave(60)
  await Promise.all([all[1], all[2]])
  expect(entered).toEqual(['a', 'b', 'c'])
  gate.leave(60)
  gate.leave(10)
  await all[3]
  expect(entered).toEqual(['a', 'b', 'c', 'huge'])
  gate.leave(1000)
  await Promise.all(all)
  expect(entered.at(-1)).toBe('d')
})
