import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tableFolder } from '../../lib/table-folder.ts'
import { formatSegmentName, isLater, nextSegmentName, parseSegmentName } from './names.ts'

describe('tableFolder', () => {
  test.each([
    ['public', 'users', 'public.users'],
    ['public', 'Order Items', 'public.Order Items'],
    ['public', 'a.b', 'public.a%2Eb'],
    ['a.b', 'c', 'a%2Eb.c'],
    ['..', '..', '%2E%2E.%2E%2E'],
    ['public', '../../etc/passwd', 'public.%2E%2E%2F%2E%2E%2Fetc%2Fpasswd'],
    ['public', '50%', 'public.50%25'],
    ['public', 'Straße', 'public.Straße'],
  ])('%s and %s become %s', (schema, name, folder) => {
    expect(tableFolder({ schema, name })).toBe(folder)
  })

  test('gives different tables different folders, each a safe name of at most 255 bytes', () => {
    const name = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      fc.stringMatching(/^[./%\\a]{1,63}$/),
      fc.constantFrom('.', '..', '%2E'),
    )
    const table = fc.record({ schema: name, name })
    fc.assert(
      fc.property(table, table, (a, b) => {
        expect(tableFolder(a) === tableFolder(b)).toBe(a.schema === b.schema && a.name === b.name)
        expect(Buffer.byteLength(tableFolder(a))).toBeLessThanOrEqual(255)
        expect(tableFolder(a)).not.toMatch(/[/\0\\]|^\.{1,2}$/)
      }),
    )
  })

  test('keeps long names apart that begin alike', () => {
    const long = '.'.repeat(62)
    const [a, b] = [tableFolder({ schema: long, name: `${long}a` }), tableFolder({ schema: long, name: `${long}b` })]
    expect(a).not.toBe(b)
    expect(a.length).toBeLessThan(200)
  })
})

describe('segment names', () => {
  const position = '000000001A2B3C40'

  test('sort in log order as text', () => {
    const names = [
      { position: '0000000000000001', number: 0 },
      { position, number: 0 },
      { position, number: 1 },
      { position, number: 12 },
      { position: '000000001A2B3C41', number: 0 },
    ]
    const files = names.map(formatSegmentName)
    expect(files.toSorted()).toEqual(files)
    expect(files[2]).toBe(`${position}_0001.ndjson`)
    expect(files.map(parseSegmentName)).toEqual(names)
  })

  test.each(['x.ndjson', `${position}.json`, `${position}_1.ndjson`, `${position.toLowerCase()}.ndjson`, `.${position}.ndjson`])(
    '%s is none of ours',
    (file) => expect(parseSegmentName(file)).toBeNull(),
  )

  test.each([
    ['a first one', position, null, `${position}.ndjson`],
    ['a place inside a transaction', `${position}:00000000000A`, null, `${position}.ndjson`],
    ['a second one of the same position', position, { position, number: 0 }, `${position}_0001.ndjson`],
    ['a third one', position, { position, number: 1 }, `${position}_0002.ndjson`],
    ['a log that starts lower', '0000000000000001', { position, number: 0 }, `${position}_0001.ndjson`],
  ])('%s is later than the last', (_, at, last, expected) => {
    const name = nextSegmentName(at, last)
    expect(formatSegmentName(name)).toBe(expected)
    if (last) expect(isLater(name, last)).toBe(true)
  })
})
