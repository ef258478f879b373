import { expect, test } from 'vitest'
import { murmur2, partitionOf } from './murmur2.ts'

/** From Kafka's own UtilsTest.testMurmur2. */
const KNOWN: readonly [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

test('hashes as Java does', () => {
  for (const [text, hash] of KNOWN) expect(murmur2(Buffer.from(text)), text).toBe(hash)
})

test('a negative hash falls into a partition, whatever their number', () => {
  // Java: (hash & 0x7fffffff) % 3. The client library's own takes `>>> 0`, which gives 0 here.
  expect(partitionOf(Buffer.from('21'), 3)).toBe((-973932308 & 0x7fffffff) % 3)
  expect((-973932308 >>> 0) % 3).not.toBe(partitionOf(Buffer.from('21'), 3))
})
