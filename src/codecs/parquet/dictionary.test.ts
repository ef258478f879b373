import { expect, test } from 'vitest'
import { column, fileOf, rowsOf, TEXT } from './parquet.fixture.ts'

/** The entry that makes the dictionary grow, at each size that it grows at, must be found by its own bytes and no others. */
test.each([512, 1024, 2048, 4096])('a text that begins the first entry is not taken for entry %i', async (grows) => {
  const first = 'SKU-2100'
  const others = Array.from({ length: grows }, (_, index) => `V${String(index).padStart(6, '0')}`)
  // As long as the others, and what the first one begins with.
  const late = first.slice(0, 7)
  const texts = [first, ...others, late, ...others, late, first, ...others, ...others]
  const rows = texts.map((text) => [text])
  expect(await rowsOf(fileOf([column('sku', TEXT)], [rows]))).toEqual(rows)
})
