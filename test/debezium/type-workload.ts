/** Changes of every type: what the oracle of types is asked about, one table for each type and one for its arrays. */
import { ARRAY_CASES, MADE_CASES, SCALAR_CASES, SETUP, type OracleCase } from '../oracle/cases.ts'
import type { Workload } from './read-both.ts'
import { quoteLiteral } from './quote.ts'

/** More of types whose length or precision decides what Debezium makes of them. */
const MORE_CASES: readonly OracleCase[] = [
  { type: 'bit(1)', literals: ['0', '1'] },
  { type: 'bit varying(5)', literals: ['', '1', '10110'] },
  { type: 'numeric(20,0)', literals: ['12345678901234567890', '-1'] },
  { type: 'numeric(4,4)', literals: ['0.1234', '-0.9999'] },
  { type: 'time(0)', literals: ['01:02:03'] },
  { type: 'time(6)', literals: ['01:02:03.000001'] },
  { type: 'timetz(3)', literals: ['01:02:03.004+01'] },
  { type: 'timestamp(3)', literals: ['2026-11-20 01:02:03.004', '1969-12-31 23:59:59.999'] },
  { type: 'timestamp(6)', literals: ['2026-11-20 01:02:03.000004'] },
  { type: 'timestamptz(3)', literals: ['2026-11-20 01:02:03.004+05'] },
  { type: 'interval day to second(3)', literals: ['3 days 04:05:06.789'] },
  { type: 'char', literals: ['x', ''] },
  { type: 'int8range', literals: ['[1,9223372036854775807)'] },
  { type: 'tsrange', literals: ['[2026-01-01,2026-02-01)'] },
  { type: 'daterange', literals: ['[2026-01-01,2026-02-01)'] },
]

/** What Debezium makes no record of, for some value: such a column is a table of its own, so that nothing else is hidden. */
const ALONE = ['timetz', 'interval']
/** Debezium needs seconds for each. */
const SLOW = ['1e131071', '1e-16383']
/** Few tables, because Debezium asks the database much about each. */
const COLUMNS = 16

type TypeColumn = { name: string; type: string; values: readonly string[] }

/** A table holds a column `v_…` for each of several types and `l_…` for its arrays; row after row, their literals. */
export function typeWorkload(major: number, without: readonly string[] = []): Workload {
  const columns = typeColumns(major).filter(({ name }) => !without.includes(name))
  const together = columns.filter(({ name }) => !ALONE.some((type) => name.endsWith(`_${type}`)))
  const groups = columns.filter((column) => !together.includes(column)).map((column) => [column])
  for (let at = 0; at < together.length; at += COLUMNS) groups.push(together.slice(at, at + COLUMNS))
  const tables = groups.map(
    (group, at) => `CREATE TABLE t${at} (id int PRIMARY KEY, ${group.map(({ name, type }) => `${name} ${type}`).join(', ')})`,
  )
  return {
    tables: ['CREATE EXTENSION hstore', 'CREATE EXTENSION citext', 'CREATE EXTENSION ltree', ...SETUP, ...tables],
    changes: groups.flatMap((group, at) => changesOf(`t${at}`, group)),
  }
}

/** All literals, then a row of nulls whose key changes. */
function changesOf(table: string, group: readonly TypeColumn[]): string[] {
  const rows = Math.max(...group.map(({ values }) => values.length))
  const inserts = Array.from(
    { length: rows + 1 },
    (_, row) => `INSERT INTO ${table} VALUES (${row}, ${group.map(({ values }) => values[row] ?? 'NULL').join(', ')})`,
  )
  return [...inserts, `UPDATE ${table} SET id = -1 WHERE id = ${rows}`]
}

function typeColumns(major: number): TypeColumn[] {
  const columns = new Map<string, TypeColumn>()
  const add = (name: string, type: string, values: readonly string[]) =>
    columns.set(name, { name, type, values: [...(columns.get(name)?.values ?? []), ...values] })
  for (const { type, literals } of casesFor(major, [...SCALAR_CASES, ...MORE_CASES, ...MADE_CASES])) {
    add(
      `v_${slug(type)}`,
      type,
      literals.map((literal) => `${quoteLiteral(literal)}::${type}`),
    )
    add(
      `l_${slug(type)}`,
      `${type}[]`,
      literals.map((literal) => `ARRAY[${quoteLiteral(literal)}, NULL]::${type}[]`),
    )
  }
  for (const { type, literals } of casesFor(major, ARRAY_CASES))
    add(
      `l_${slug(type.slice(0, -2))}`,
      type,
      literals.map((literal) => `${quoteLiteral(literal)}::${type}`),
    )
  return [...columns.values()]
}

function casesFor(major: number, cases: readonly OracleCase[]): readonly OracleCase[] {
  const present = cases.filter(({ since = 0, until = 99 }) => since <= major && major <= until)
  return present.map((each) => ({ ...each, literals: each.literals.filter((literal) => !SLOW.includes(literal)) }))
}

/** A name of letters; `"char"` is another type than char. */
function slug(type: string): string {
  return type === '"char"' ? 'internal_char' : type.replace(/[^a-z0-9]+/g, '_').replace(/_+$/, '')
}
