import { compressionsAlgorithms, crc32c, readRecordsBatch, Reader } from '@platformatic/kafka'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRecords } from './record-batch.ts'

type Given = { key: string | null; value: string | null; headers: [string, string][] }

const text = fc.string({ unit: 'binary', maxLength: 300 })
const given: fc.Arbitrary<Given> = fc.record({
  key: fc.option(text),
  value: fc.option(fc.oneof(text, fc.constant('x'.repeat(70_000)))),
  headers: fc.array(fc.tuple(text, text), { maxLength: 3 }),
})

function batchOf(all: readonly Given[], compression: keyof typeof compressionsAlgorithms, memory?: Buffer): Buffer {
  const records = createRecords('t', 0, memory)
  for (const { key, value, headers } of all) {
    const bytes = Buffer.from(key ?? '')
    const rest = headers.map(([name, words]) => ({
      name,
      nameBytes: Buffer.byteLength(name),
      text: words,
      textBytes: Buffer.byteLength(words),
    }))
    records.add(bytes, key === null ? -1 : bytes.length, { value, bytes: Buffer.byteLength(value ?? ''), headers: rest })
  }
  const facts = { producerId: 7n, producerEpoch: 3, sequence: 2 ** 31 - 1, isTransactional: true, timestampMs: 1_790_000_000_123 }
  return records.batch({ ...facts, compression: compressionsAlgorithms[compression], crc32c })
}

test('what is written is read by the client as it was given, whatever the texts and the compression', () => {
  const compression = fc.constantFrom(...(Object.keys(compressionsAlgorithms) as (keyof typeof compressionsAlgorithms)[]))
  fc.assert(
    fc.property(fc.array(given, { minLength: 1, maxLength: 200 }), compression, (all, chosen) => {
      const batch = batchOf(all, chosen)
      const { records, ...head } = readRecordsBatch(Reader.from(batch))
      expect(head).toMatchObject({
        firstOffset: 0n,
        length: batch.length - 12,
        magic: 2,
        lastOffsetDelta: all.length - 1,
        producerId: 7n,
        producerEpoch: 3,
      })
      expect(head).toMatchObject({ firstSequence: 2 ** 31 - 1, firstTimestamp: 1_790_000_000_123n, maxTimestamp: 1_790_000_000_123n })
      expect(head.attributes).toBe((1 << 4) | compressionsAlgorithms[chosen].bitmask)
      expect(head.crc).toBe(crc32c(batch.subarray(21)))
      const read = records.map(({ key, value, headers }) => ({
        key: key?.toString() ?? null,
        value: value?.toString() ?? null,
        headers: headers.map(([name, words]) => [name?.toString(), words?.toString()]),
      }))
      expect(read).toEqual(all)
      expect(records.map(({ offsetDelta }) => offsetDelta)).toEqual([...all.keys()])
    }),
    { numRuns: 60 },
  )
})

test('memory that others released shows nothing of them', () => {
  const first = batchOf([{ key: 'k', value: 'x'.repeat(5000), headers: [] }], 'none')
  const small = [{ key: null, value: 'y', headers: [] }]
  expect(batchOf(small, 'none', Buffer.from(first)).equals(batchOf(small, 'none'))).toBe(true)
})
