import type { ChangesBatch, ControlBatch, RowsBatch } from '../contracts/batch.ts'
import type { Change, MessageChange, RowChange, Transaction, TruncateChange } from '../contracts/change.ts'
import type { Column, LogicalType, Row, Table, Value } from '../contracts/table.ts'

/** Sample tables, changes and batches for tests of sinks and formats. */

export type ColumnFacts = Partial<Omit<Column, 'name' | 'type'>>

export function sampleColumn(name: string, type: LogicalType, facts: ColumnFacts = {}): Column {
  return { name, id: 1, type, sourceType: type.kind, typeOid: 0, typeModifier: -1, nullable: true, ...facts }
}

export type TableFacts = { schema?: string; id?: number; key?: readonly number[]; identity?: Table['identity'] }

/** Columns without an `id` of their own get their place as one. The version is made of everything that differs. */
export function sampleTable(name: string, columns: readonly Column[], facts: TableFacts = {}): Table {
  const { schema = 'public', id = 1, key = [0], identity = 'key' } = facts
  const version = JSON.stringify([schema, name, id, key, columns.map((column) => [column.name, column.id, column.type])])
  return { schema, name, id, version, columns, key, identity }
}

/** A small table as applications have them: `id`, `name`, `balance`, `doc`. */
export function usersTable(facts: TableFacts & { name?: string } = {}): Table {
  const columns = [
    sampleColumn('id', { kind: 'int64' }, { id: 1, sourceType: 'bigint', typeOid: 20, nullable: false }),
    sampleColumn('name', { kind: 'text', name: 'text' }, { id: 2, sourceType: 'text', typeOid: 25 }),
    sampleColumn(
      'balance',
      { kind: 'decimal', precision: 10, scale: 2 },
      { id: 3, sourceType: 'numeric(10,2)', typeOid: 1700, typeModifier: 655366 },
    ),
    sampleColumn('doc', { kind: 'json', binary: true }, { id: 4, sourceType: 'jsonb', typeOid: 3802 }),
  ]
  return sampleTable(facts.name ?? 'users', columns, facts)
}

export function userRow(id: number, name = `user ${id}`): Row {
  return [BigInt(id), name, `${id}.50`, `{"n": ${id}}`]
}

/** The `index`th position of a log: 16 hexadecimal digits, in order. */
export function positionAt(index: number): string {
  return (index * 256).toString(16).toUpperCase().padStart(16, '0')
}

export function transactionAt(index: number): Transaction {
  return { position: positionAt(index), xid: 700 + index, commitTimeUs: 1_790_000_000_123_456 + index * 1_000_000 }
}

type WithoutPlace<C> = C extends unknown ? Omit<C, 'ordinal' | 'tx'> : never

/** A change without its place in a transaction. */
export type Act = WithoutPlace<RowChange | TruncateChange>

export const insertOf = (table: Table, after: Row): Act => ({ op: 'insert', table, before: null, oldKey: null, after })
export const updateOf = (table: Table, after: Row, old: { before?: Row; oldKey?: Row } = {}): Act => ({
  op: 'update',
  table,
  before: old.before ?? null,
  oldKey: old.oldKey ?? null,
  after,
})
export const deleteOf = (table: Table, before: Row): Act => ({ op: 'delete', table, before, oldKey: null, after: null })
export const truncateOf = (table: Table): Act => ({ op: 'truncate', table, cascade: false, restartIdentity: false })

export function messageAt(index: number, content = 'hello'): MessageChange {
  const tx = transactionAt(index)
  const bytes = new TextEncoder().encode(content)
  return { op: 'message', table: null, prefix: 'app', content: bytes, transactional: true, position: tx.position, ordinal: 0, tx }
}

/** The acts as one transaction, the log's `index`th. */
export function transactionOf(index: number, acts: readonly Act[]): Change[] {
  const tx = transactionAt(index)
  return acts.map((act, ordinal) => ({ ...act, ordinal, tx }))
}

const PLACE = { log: '', audience: null, carry: '' }

/** One transaction as a batch; no act: an empty batch, which only moves the position. */
export function batchOf(index: number, ...acts: readonly Act[]): ChangesBatch {
  const changes = transactionOf(index, acts)
  return {
    ...PLACE,
    kind: 'changes',
    changes,
    end: positionAt(index + 1),
    carry: `carry ${index}`,
    bytes: 100 * acts.length,
    betweenTransactions: true,
  }
}

export type RowsFacts = { table: Table; chunk: string; rows: readonly Row[]; last?: boolean }

export function rowsAt(index: number, { table, chunk, rows, last = true }: RowsFacts): RowsBatch {
  const vectors = table.columns.map((_, column) => ({ form: 'values' as const, values: rows.map((row) => row[column] ?? null) }))
  return {
    ...PLACE,
    kind: 'rows',
    table,
    chunk,
    last,
    end: positionAt(index),
    rowCount: rows.length,
    bytes: 100 * rows.length,
    rows: () => rows,
    columns: () => ({ rowCount: rows.length, vectors }),
  }
}

export const schemaAt = (index: number, table: Table, previous: Table | null = null): ControlBatch => ({
  ...PLACE,
  kind: 'control',
  event: 'schema',
  table,
  previous,
  end: positionAt(index),
})
export const snapshotBeginAt = (index: number, table: Table, generation: string, fresh = true): ControlBatch => ({
  ...PLACE,
  kind: 'control',
  event: 'snapshot-begin',
  table,
  generation,
  fresh,
  end: positionAt(index),
})
export const snapshotEndAt = (index: number, table: Table, generation: string): ControlBatch => ({
  ...PLACE,
  kind: 'control',
  event: 'snapshot-end',
  table,
  generation,
  chunk: `${table.schema}.${table.name}/${generation}/end`,
  end: positionAt(index),
})

type Kind = [name: string, type: LogicalType, sourceType: string, typeOid: number, usual: Value, extreme: Value, empty: Value]

const POINT: LogicalType = {
  kind: 'composite',
  name: 'point_at',
  fields: [
    { name: 'x', type: { kind: 'int32' } },
    { name: 'note', type: { kind: 'text', name: 'text' } },
  ],
}

const KINDS: readonly Kind[] = [
  ['flag', { kind: 'boolean' }, 'boolean', 16, true, false, false],
  ['small', { kind: 'int16' }, 'smallint', 21, 7, -32768, 0],
  ['whole', { kind: 'int32' }, 'integer', 23, 42, -2147483648, 0],
  ['oid', { kind: 'uint32' }, 'oid', 26, 16384, 4294967295, 0],
  ['large', { kind: 'int64' }, 'bigint', 20, 5n, -9223372036854775808n, 0n],
  ['real', { kind: 'float32' }, 'real', 700, 1.5, Infinity, -0],
  ['double', { kind: 'float64' }, 'double precision', 701, 0.1, NaN, -0],
  ['price', { kind: 'decimal', precision: 20, scale: 4 }, 'numeric(20,4)', 1700, '12.5000', '-9999999999999999.9999', '0.0000'],
  ['number', { kind: 'decimal', precision: null, scale: null }, 'numeric', 1700, '1.10', `${'9'.repeat(60)}.000000001`, 'NaN'],
  ['words', { kind: 'text', name: 'text' }, 'text', 25, 'Grüße, "Welt" \\ 🚀', 'a\nb\tc\u0001\u2028', ''],
  [
    'uuid',
    { kind: 'uuid' },
    'uuid',
    2950,
    '0190163d-8694-739b-aea5-966c26f8ad91',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '00000000-0000-0000-0000-000000000000',
  ],
  ['json', { kind: 'json', binary: false }, 'json', 114, '{"b": 1,  "a": [true, null]}', '{"a":\r\n 12345678901234567890.5}', 'null'],
  ['jsonb', { kind: 'json', binary: true }, 'jsonb', 3802, '{"a": 1}', '[1, "\\n", {}]', 'null'],
  [
    'bytes',
    { kind: 'bytes' },
    'bytea',
    17,
    Uint8Array.of(1, 2, 255),
    Uint8Array.from({ length: 300 }, (_, i) => i % 256),
    new Uint8Array(),
  ],
  ['bits', { kind: 'bits' }, 'bit varying', 1562, '1010', '1'.repeat(70), ''],
  ['day', { kind: 'date' }, 'date', 1082, '2026-11-20', '9999-12-31', '0001-01-01'],
  ['hour', { kind: 'time' }, 'time without time zone', 1083, '01:02:03.5', '24:00:00', '00:00:00'],
  ['hourtz', { kind: 'timetz' }, 'time with time zone', 1266, '01:02:03.5+05:30', '23:59:59.999999-15:59', '00:00:00+00:00'],
  [
    'moment',
    { kind: 'timestamp' },
    'timestamp without time zone',
    1114,
    '2026-11-20T01:02:03.5',
    '9999-12-31T23:59:59.999999',
    '0001-01-01T00:00:00',
  ],
  [
    'instant',
    { kind: 'timestamptz' },
    'timestamp with time zone',
    1184,
    '2026-11-20T01:02:03.123456Z',
    '9999-12-31T23:59:59.999999Z',
    '0001-01-01T00:00:00Z',
  ],
  ['span', { kind: 'interval' }, 'interval', 1186, 'P1Y2M3DT4H5M6.789S', 'P-1Y-2M3DT-4H-5M-6.7S', 'PT0S'],
  ['tags', { kind: 'array', of: { kind: 'text', name: 'text' } }, 'text[]', 1009, ['a', null, 'b"c'], ['x,y', '{z}', ''], []],
  ['counts', { kind: 'array', of: { kind: 'int64' } }, 'bigint[]', 1016, [1n, 9223372036854775807n], [null, null], []],
  ['labels', { kind: 'map' }, 'hstore', 16400, { a: '1', b: null }, { 'quo"te': 'x=>y', '': '' }, {}],
  ['spot', POINT, 'point_at', 16401, { x: 1, note: 'here' }, { x: null, note: '(,")' }, { x: 0, note: '' }],
  ['mood', { kind: 'text', name: 'mood', labels: ['sad', 'ok'] }, 'mood', 16402, 'ok', 'sad', 'ok'],
  ['address', { kind: 'text', name: 'inet' }, 'inet', 869, '10.0.0.1', '2001:db8::/32', '0.0.0.0/0'],
  ['other', { kind: 'unknown', name: 'pg_lsn' }, 'pg_lsn', 3220, '0/16B3748', 'FFFFFFFF/FFFFFFFF', '0/0'],
]

/** A column of every kind. */
export function everyKindTable(): Table {
  const columns = KINDS.map(([name, type, sourceType, typeOid], at) => sampleColumn(name, type, { id: at + 2, sourceType, typeOid }))
  const id = sampleColumn('id', { kind: 'int64' }, { id: 1, sourceType: 'bigint', typeOid: 20, nullable: false })
  return sampleTable('every_kind', [id, ...columns], { id: 77 })
}

/** Rows of it: usual values, extreme ones, empty ones, and NULL everywhere. */
export function everyKindRows(): Row[] {
  return [
    [1n, ...KINDS.map((kind) => kind[4])],
    [2n, ...KINDS.map((kind) => kind[5])],
    [3n, ...KINDS.map((kind) => kind[6])],
    [4n, ...KINDS.map(() => null)],
  ]
}
