/** What differs between Debezium's records and ours, and why: the same list as in docs/specs/debezium.md. Anything else fails the tests. */
import { isDeepStrictEqual } from 'node:util'
import { type Difference, type KnownDifference, payloadOf } from './compare.ts'

/** In every reading. */
export const ALWAYS: readonly KnownDifference[] = [
  { why: 'the moment of processing', path: /^value\.ts_[mun]s$/, when: areNumbers },
  { why: 'a name of the run, new at each start', path: /^headers\.__debezium\.context\.runId$/, when: ({ ours }) => ours === undefined },
]

const FIRST: KnownDifference = {
  why: 'Debezium’s first record does not know what was committed before it',
  path: /^value\.source\.sequence$/,
  when: ({ debezium }) => String(debezium).startsWith('[null,'),
}

/** In transactions' own records. */
const MESSAGES_COUNTED: readonly KnownDifference[] = [
  {
    why: 'Debezium counts logical messages by the name of a Java object, anew for each',
    topic: /transaction$/,
    path: /\.data_collections\./,
    when: ({ record }) => JSON.stringify(payloadOf(record.value)).includes('LogicalDecodingMessageId@'),
  },
  {
    why: 'Debezium counts logical messages by the name of a Java object: each is the first of its kind',
    topic: /message$/,
    path: /\.transaction\.data_collection_order$/,
  },
]

const EMPTY: KnownDifference = {
  why: 'Debezium tells transactions that changed nothing, where the server does',
  until: 14,
  topic: /transaction$/,
  path: /^$/,
  when: ({ ours }) => ours === undefined,
}

/** Of changes of rows. */
export const OF_ROWS: readonly KnownDifference[] = [
  FIRST,
  EMPTY,
  {
    why: 'the log does not tell defaults, and a consumer that fills them in makes values of NULLs',
    path: /^(key|value)\.schema\..*\.default$/,
    when: ({ ours }) => ours === undefined,
  },
  {
    why: 'what the log sends of an old row lacks columns that are NOT NULL, so `before` may lack them too',
    path: /^value\.schema\.fields\.before\.fields\.[^.]+\.optional$/,
    when: ({ debezium, ours }) => debezium === false && ours === true,
  },
  {
    why: 'Debezium shows a column’s default where the log did not send the old value',
    path: /^value\.before\.[^.]+$/,
    when: ({ ours, record }) => ours === null && payloadOf(record.value)?.op === 'd',
  },
  {
    why: 'Debezium shows the default where the value is NULL, and cuts the text of a default at a quote',
    topic: /customers$/,
    path: /^value\.after\.(balance|created|note)$/,
    when: ({ ours }) => ours === null,
  },
  ...MESSAGES_COUNTED,
]

/** Of rows alone. */
export const OF_FLAT_ROWS: readonly KnownDifference[] = [
  EMPTY,
  {
    why: 'the log does not tell defaults, and a consumer that fills them in makes values of NULLs',
    path: /^(key|value)\.schema\..*\.default$/,
    when: ({ ours }) => ours === undefined,
  },
  {
    why: 'Debezium shows the default where the value is NULL or was not sent, and cuts the text of a default at a quote',
    topic: /customers$/,
    path: /^value\.(name|balance|active|created|note)$/,
    when: ({ ours }) => ours === null,
  },
  ...MESSAGES_COUNTED,
]

/** Of values, where Debezium's own are wrong: there ours are the true ones, in the encoding of the column's type. */
export const OF_TYPES: readonly KnownDifference[] = [
  FIRST,
  {
    why: 'Debezium makes no record of a timetz of 24:00, or with an offset of seconds',
    path: /^$/,
    when: ({ ours }) => 'v_timetz' in rowOf(ours),
  },
  {
    since: 15,
    why: 'Debezium makes no record of an interval of more hours than an int',
    path: /^$/,
    when: ({ ours }) => 'v_interval' in rowOf(ours),
  },
  {
    since: 17,
    why: 'an infinite interval is 0 in Debezium',
    path: at('v_interval'),
    when: ({ debezium }) => /^0$|^P0Y0M0DT0H0M0S$/.test(String(debezium)),
  },
  {
    why: 'an interval of more microseconds than a long is the longest one in Debezium',
    path: at('v_interval'),
    when: ({ debezium, ours }) => ours === null && Math.abs(Number(debezium)) === 2 ** 63,
  },
  {
    why: 'Debezium counts intervals in doubles, which have no room for the last digits of long ones',
    path: at('v_interval'),
    when: ({ debezium, ours }) => typeof ours === 'bigint' && Number(ours) === Number(debezium),
  },
  {
    why: 'the same number as a float: Debezium writes more digits than it needs',
    path: at('[vl]_float4'),
    when: ({ debezium, ours }) => Math.fround(Number(debezium)) === Math.fround(Number(ours)),
  },
  { why: 'name is always null in Debezium', path: at('v_name'), when: isNullThere },
  {
    why: 'arrays of arrays are nulls, or names of Java objects, in Debezium',
    path: at('(l_int4|l_text|v_tags)'),
    when: ({ debezium, ours }) =>
      (Array.isArray(ours) && debezium === null) || ((Array.isArray(ours) || ours === null) && String(debezium).startsWith('[Ljava')),
  },
  { why: 'an array with a numeric that is no number is null in Debezium', path: at('l_numeric(_10_2)?'), when: isNullThere },
  { since: 15, why: 'a negative scale is read as a large one in Debezium', path: at('[vl]_numeric_3_2') },
  {
    since: 15,
    why: 'a negative scale is read as a large one in Debezium',
    path: schemaOf('[vl]_numeric_3_2', '.*[.]scale'),
    when: ({ ours }) => ours === '-2',
  },
  { why: 'infinite dates overflow in Debezium', path: at('[vl]_date'), when: isInfinite },
  {
    why: 'a timestamp of more microseconds than a long overflows in Debezium',
    path: at('[vl]_timestamp'),
    when: ({ debezium, ours }) => ours === null && Number(debezium) < -(2 ** 62),
  },
  { why: 'infinite timestamps overflow in Debezium', path: at('([vl]_timestamp|l_timestamptz)'), when: isInfinite },
  {
    why: 'Debezium reads years before our era in arrays as years of it, or by another calendar',
    path: at('l_(date|timestamp|timestamptz)'),
    when: isOld,
  },
  { why: 'Debezium cuts times in arrays', path: at('l_(time|time_6|timetz|timetz_3)') },
  { why: 'the end of a day is its beginning in Debezium’s text', path: at('v_time'), when: ({ ours }) => ours === '24:00:00Z' },
  { why: 'arrays of these are null in Debezium', path: at('l_(tsvector|mood|ltree)'), when: isNullThere },
  {
    why: 'the keys of hstore come in no order',
    path: at('[vl]_hstore'),
    when: ({ path, debezium, ours }) =>
      path.endsWith('.order') || isDeepStrictEqual(JSON.parse(String(debezium)), JSON.parse(String(ours))),
  },
  { why: 'arrays of domains are left out by Debezium, as unknown', path: at('l_(email|amount|amount_of_amount)') },
  { why: 'arrays of domains are left out by Debezium, as unknown', path: schemaOf('l_(email|amount|amount_of_amount)', '.*') },
  {
    why: 'arrays of bits and the vectors of the catalogue have wrong types and no values in Debezium',
    path: at('(l_bit_10|l_bit_1|[vl]_(int2|oid)vector)'),
  },
  {
    why: 'arrays of bits and the vectors of the catalogue have wrong types and no values in Debezium',
    path: schemaOf('(l_bit_10|l_bit_1|[vl]_(int2|oid)vector)', '.*'),
  },
  { why: 'elements of any array may be NULL', path: schemaOf('l_[a-z0-9_]+', '[.]items[.]optional'), when: ({ ours }) => ours === true },
  {
    why: 'arrays of unknown types are null in Debezium',
    path: at('l_[a-z0-9_]+'),
    when: ({ debezium, ours }) => isNullOrNothing(debezium) && isHexes(ours),
  },
  { why: 'refcursor[] is left out by Debezium', path: new RegExp(`${at('l_refcursor').source}|${schemaOf('l_refcursor', '').source}`) },
  {
    why: 'Debezium has geometry of unknown types written by its driver',
    path: at('([vl]_(line|lseg|box|path|polygon|circle))'),
    when: isHexThere,
  },
]

/** Of rows that are copied: ours come as those of an incremental snapshot do, Debezium's as those of an initial one. */
export const OF_COPIES: readonly KnownDifference[] = [
  { why: 'which snapshot it is', path: /^value\.source\.snapshot$/, when: ({ ours }) => ours === 'incremental' },
  { why: 'rows of an incremental snapshot have no transaction', path: /^value\.source\.(txId|lsn)$/, when: ({ ours }) => ours === null },
  { why: 'when it was read', path: /^value\.source\.ts_[mun]s$/, when: areNumbers },
  { why: 'where it was read', path: /^value\.source\.sequence$/ },
  { why: 'rows of an incremental snapshot have no headers', path: /^headers\./, when: ({ ours }) => ours === undefined },
  { why: 'the times that are left out of the log’s records are null in a copy’s', path: at('v_timetz'), when: isNullThere },
  {
    why: 'a bare numeric has other sizes in a copy, in Debezium',
    path: schemaOf('v_numeric', '[.]parameters[.]__debezium[.]source[.]column[.](length|scale)'),
  },
  { why: 'dates before our era are read as of it in a copy, in Debezium', path: at('v_date'), when: isOld },
]

/** Of what a consumer by schema reads; the messages themselves are as Debezium's. */
export const BY_SCHEMA: readonly KnownDifference[] = [
  {
    why: 'the same number as a float',
    path: at('[vl]_float4'),
    when: ({ debezium, ours }) => Math.fround(Number(debezium)) === Math.fround(Number(ours)),
  },
  {
    why: 'Connect reads a text where a number should be as 0, of Debezium’s own records too',
    path: at('([vl]_float[48]|v_point|[vl]_numeric(_10_2)?)'),
    when: ({ debezium, ours }) => debezium === 0 && /^(NaN|-?Infinity)$/.test(String(ours)),
  },
  {
    why: 'Connect reads numbers as decimals, which have no -0, of Debezium’s own records too',
    path: at('([vl]_float[48]|v_point)'),
    when: ({ debezium, ours }) => debezium === 0 && ours === 0,
  },
  { why: 'the keys of hstore come in no order', path: at('[vl]_hstore'), when: ({ path }) => path.endsWith('.order') },
]

/** A value of a column, or in it. */
function at(columns: string): RegExp {
  return new RegExp(`^value\\.(after|before)\\.${columns}(\\.|$)`)
}

function schemaOf(columns: string, rest: string): RegExp {
  return new RegExp(`^value\\.schema\\.fields\\.(after|before)\\.fields\\.${columns}${rest}$`)
}

function rowOf(record: unknown): object {
  const after = payloadOf((record as { value?: unknown } | undefined)?.value)?.after
  return typeof after === 'object' && after !== null ? after : {}
}

function isNullThere({ debezium, ours }: Difference): boolean {
  return debezium === null && ours !== null
}

function isNullOrNothing(value: unknown): boolean {
  return value === null || value === undefined
}

function isHexes(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => each === null || /^[0-9a-f]*$/.test(String(each)))
}

function isHexThere({ debezium, ours }: Difference): boolean {
  return [debezium, ours].every((value) => /^[0-9a-f]+$/.test(String(value)))
}

/** In numbers: the ends of what the type holds. */
function isInfinite({ ours }: Difference): boolean {
  return ['infinity', '-infinity', '2147483647', '-2147483648'].includes(String(ours))
}

/** Before the year 1: a number of days, or of something smaller, or a text. */
function isOld({ path, ours }: Difference): boolean {
  if (typeof ours === 'string') return /^-|^0000|^0001-01-01T/.test(ours)
  return path.includes('_date') ? Number(ours) < -719_162 : Number(ours) <= -62_135_596_800_000
}

function areNumbers({ debezium, ours }: Difference): boolean {
  return [debezium, ours].every((value) => typeof value === 'number' || typeof value === 'bigint')
}
