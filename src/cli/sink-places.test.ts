import { expect, test } from 'vitest'
import { commandLineConfig } from '../config/command-line-config.ts'
import { sinkPlaces } from './sink-places.ts'

const placesIn = async (baseDir: string, sinks: readonly string[], example = { schema: 'public', name: 'orders' }) =>
  sinkPlaces(await commandLineConfig('postgres://localhost/shop', sinks, baseDir), [], example)

test('each sink says where its data lie and how to look at them, as typed where one is', async () => {
  expect(await placesIn(process.cwd(), ['duckdb:./shop.duckdb', 'file:./changes', 'parquet:./lake', 'stdout:'])).toEqual([
    { name: 'duckdb', type: 'duckdb', where: 'shop.duckdb', query: 'duckdb shop.duckdb "SELECT * FROM public.orders LIMIT 10"' },
    { name: 'file', type: 'file', where: 'changes', query: 'tail -n 1 changes/public.orders/*.ndjson' },
    {
      name: 'parquet',
      type: 'parquet',
      where: 'lake',
      query: `duckdb -c "SELECT * FROM read_parquet('lake/public.orders/*/*.parquet', union_by_name = true) LIMIT 10"`,
    },
    { name: 'stdout', type: 'stdout', where: null, query: null },
  ])
})

test('names that need it are quoted, for the shell and for SQL; what lies elsewhere is named in full', async () => {
  const odd = { schema: 'public', name: 'Order "Lines"' }
  const [duckdb, file, parquet] = await placesIn('/data/my shop', ['duckdb:./shop.duckdb', 'file:./changes', 'parquet:s3://lake/shop'], odd)
  expect(duckdb?.query).toBe(`duckdb "/data/my shop/shop.duckdb" 'SELECT * FROM public."Order ""Lines""" LIMIT 10'`)
  expect(file).toMatchObject({
    where: '/data/my shop/changes',
    query: 'tail -n 1 "/data/my shop/changes/public.Order %22Lines%22"/*.ndjson',
  })
  expect(parquet).toMatchObject({ where: 's3://lake/shop' })
})

test('where there is no table to show, nothing is said', async () => {
  const config = await commandLineConfig('postgres://localhost/shop', ['file:./changes'], process.cwd())
  expect(sinkPlaces(config, [], null)).toEqual([{ name: 'file', type: 'file', where: null, query: null }])
})
