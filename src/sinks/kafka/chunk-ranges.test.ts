import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChunkRanges } from './chunk-ranges.ts'

test('chunks done in nearly their order are a few ranges', () => {
  const ranges = createChunkRanges()
  for (const n of [0, 2, 1, 4, 7, 6]) ranges.add(`public.users/g1/${n}`)
  expect(ranges.text('public.users/g1')).toBe('0-2,4,6-7')
})

test('the end of a generation stands for all of its chunks, and for no other generation', () => {
  const ranges = createChunkRanges()
  ranges.add('public.users/g1/0')
  ranges.add('public.users/g2/0')
  expect(ranges.add('public.users/g1/end')).toBe('public.users/g1')
  expect(ranges.ids()).toEqual(['public.users/g1/end', 'public.users/g2/0'])
  ranges.add('public.users/g1/1')
  expect(ranges.text('public.users/g1')).toBe('end')
})

test('what was written is read back as the same chunks, in whatever order they were done, also of tables with slashes in their names', () => {
  const generations = fc.constantFrom('public.users/g1', 'public.a/b/0190', 's./ /x')
  fc.assert(
    fc.property(fc.array(fc.tuple(generations, fc.nat(30))), (chunks) => {
      const written = createChunkRanges()
      const read = createChunkRanges()
      for (const [generation, n] of chunks) {
        expect(written.add(`${generation}/${n}`)).toBe(generation)
        read.put(generation, written.text(generation))
      }
      const expected = [...new Set(chunks.map(([generation, n]) => `${generation}/${n}`))].sort()
      expect(read.ids().sort()).toEqual(expected)
    }),
  )
})

test('a row that is given again from the dead letters is no chunk', () => {
  const ranges = createChunkRanges()
  expect(ranges.add('public.users/g1/0 {"id":1}/again')).toBeNull()
  expect(ranges.ids()).toEqual([])
})
