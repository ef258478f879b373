import { expect, it } from 'vitest'
import type { LogicalType } from '../../contracts/table.ts'
import { outputText, typeOf, type PgTypeFacts } from './type-of.ts'

const INT = facts({ name: 'int4' })
const TEXT = facts({ name: 'text' })

it.each<[string, PgTypeFacts, LogicalType, boolean]>([
  ['an integer', INT, { kind: 'int32' }, false],
  ['numeric', facts({ name: 'numeric' }), { kind: 'decimal', precision: null, scale: null }, false],
  ['numeric(10,2)', facts({ name: 'numeric', modifier: ((10 << 16) | 2) + 4 }), { kind: 'decimal', precision: 10, scale: 2 }, false],
  ['numeric(3,-2)', facts({ name: 'numeric', modifier: ((3 << 16) | 0x7fe) + 4 }), { kind: 'decimal', precision: 3, scale: -2 }, false],
  [
    'an array, with its elements bounded by its modifier',
    array(facts({ name: 'numeric' }), ((5 << 16) | 1) + 4),
    { kind: 'array', of: { kind: 'decimal', precision: 5, scale: 1 } },
    false,
  ],
  ['a domain', domain(domain(INT)), { kind: 'int32' }, false],
  [
    'an array of a domain',
    array(domain(facts({ name: 'numeric', modifier: ((10 << 16) | 2) + 4 }))),
    { kind: 'array', of: { kind: 'decimal', precision: 10, scale: 2 } },
    false,
  ],
  ['a domain over an array', domain(array(TEXT)), { kind: 'array', of: { kind: 'text', name: 'text' } }, false],
  [
    'an array of such domains, whose levels could not be told apart',
    array(domain(array(TEXT))),
    { kind: 'array', of: { kind: 'unknown', name: 'dom' } },
    true,
  ],
  [
    'an enum',
    facts({ name: 'mood', schema: 'public', typtype: 'e', labels: ['a', 'b'] }),
    { kind: 'text', name: 'mood', labels: ['a', 'b'] },
    false,
  ],
  [
    'an enum that calls itself inet',
    facts({ name: 'inet', schema: 'public', typtype: 'e', labels: [] }),
    { kind: 'text', name: 'inet', labels: [] },
    false,
  ],
  ['a type of somebody that calls itself int4', facts({ name: 'int4', schema: 'public' }), { kind: 'unknown', name: 'int4' }, true],
  ['a range', facts({ name: 'int4range', typtype: 'r' }), { kind: 'text', name: 'int4range' }, true],
  ['a multirange', facts({ name: 'int4multirange', typtype: 'm' }), { kind: 'text', name: 'int4multirange' }, true],
  [
    'int2vector, which is no array',
    { ...array(facts({ name: 'int2' })), name: 'int2vector' },
    { kind: 'unknown', name: 'int2vector' },
    true,
  ],
  ['hstore', facts({ name: 'hstore', schema: 'ext', extension: 'hstore' }), { kind: 'map' }, true],
  [
    'a type called hstore that is not the extension’s',
    facts({ name: 'hstore', schema: 'public' }),
    { kind: 'unknown', name: 'hstore' },
    true,
  ],
  ['citext', facts({ name: 'citext', schema: 'public', extension: 'citext' }), { kind: 'text', name: 'citext' }, false],
  [
    'boxes, parted by semicolons',
    array(facts({ name: 'box', delimiter: ';' })),
    { kind: 'array', of: { kind: 'unknown', name: 'box' } },
    true,
  ],
  [
    'an array with a delimiter of its own',
    array(facts({ name: 'geometry', schema: 'public', delimiter: ':' })),
    { kind: 'unknown', name: '_geometry' },
    true,
  ],
  [
    'a row type',
    facts({ name: 'pair', schema: 'public', typtype: 'c', fields: [{ name: 'a', type: INT }] }),
    { kind: 'composite', name: 'pair', fields: [{ name: 'a', type: { kind: 'int32' } }] },
    true,
  ],
])('knows %s', (_, given, type, selectAsText) => {
  expect(typeOf(given, 18)).toEqual({ type, selectAsText })
})

it('reads intervals in binary only from servers whose infinities are told apart', () => {
  const interval = facts({ name: 'interval' })
  expect([14, 16, 17, 18].map((major) => typeOf(interval, major).selectAsText)).toEqual([true, true, false, false])
  expect(typeOf(array(interval), 14).selectAsText).toBe(true)
})

it('selects text by the output function, and NULL only where the value is NULL', () => {
  expect(outputText('"a b"')).toBe('CASE WHEN "a b" IS DISTINCT FROM NULL THEN pg_catalog.concat("a b") END')
})

function facts(some: Partial<PgTypeFacts> & { name: string }): PgTypeFacts {
  const none = { modifier: -1, extension: null, element: null, base: null, labels: null, fields: null }
  return { oid: 1, schema: 'pg_catalog', typtype: 'b', delimiter: ',', ...none, ...some }
}

function array(element: PgTypeFacts, modifier = -1): PgTypeFacts {
  return facts({ name: `_${element.name}`, schema: element.schema, element, modifier })
}

function domain(base: PgTypeFacts): PgTypeFacts {
  return facts({ name: 'dom', schema: 'public', typtype: 'd', base })
}
