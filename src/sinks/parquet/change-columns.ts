import type { Columns, Vector } from '../../contracts/batch.ts'
import type { Change } from '../../contracts/change.ts'
import type { Column, LogicalType, Row, Table, Value } from '../../contracts/table.ts'
import { columnsOfRows } from '../../codecs/parquet/columns-of-rows.ts'
import { vectorOfValues } from '../../codecs/parquet/vector-of-values.ts'

const TEXT: LogicalType = { kind: 'text', name: 'text' }

/** What stands before a table's own columns in a file of changes. */
export const CHANGE_COLUMNS = ['_op', '_position', '_ordinal', '_commit_time', '_unchanged', '_old_key'] as const

/** The columns of a file of changes. None is required: a delete knows its key only, a truncate no row at all. */
export function changeColumns(table: Table): Column[] {
  return [...CHANGE_COLUMNS.map((name) => ownColumn(name, ownType(name, table))), ...table.columns.map(optional)]
}

function ownType(name: (typeof CHANGE_COLUMNS)[number], table: Table): LogicalType {
  switch (name) {
    case '_op':
    case '_position':
      return TEXT
    case '_ordinal':
      return { kind: 'int64' }
    case '_commit_time':
      return { kind: 'timestamptz' }
    case '_unchanged':
      return { kind: 'array', of: TEXT }
    case '_old_key':
      return keyType(table)
  }
}

function keyType({ columns, key }: Table): LogicalType {
  // The indexes of a key are inside.
  return { kind: 'composite', name: 'key', fields: key.map((at) => ({ name: columns[at]!.name, type: columns[at]!.type })) }
}

function ownColumn(name: string, type: LogicalType): Column {
  return { name, id: 0, type, sourceType: type.kind, typeOid: 0, typeModifier: -1, nullable: true }
}

function optional(column: Column): Column {
  return column.nullable ? column : { ...column, nullable: true }
}

/** Logical messages as the rows of a table of their own. */
export const MESSAGES: Table = {
  schema: '',
  name: 'messages',
  id: 0,
  version: 'messages 1',
  columns: [ownColumn('transactional', { kind: 'boolean' }), ownColumn('prefix', TEXT), ownColumn('content', { kind: 'bytes' })],
  key: [],
  identity: 'nothing',
}

/** Changes of one table at one schema version, in order, on their way into columns. */
export type ChangeBuffer = {
  readonly rows: number
  add(change: Change): void
  /** What was added since the last time. */
  take(): Columns
}

/**
 * One row a change, but for an update that moves a row to another key: a `delete` of the old key goes before it, so that
 * the newest row of each key says what became of it.
 */
export function createChangeBuffer(table: Table): ChangeBuffer {
  const empty: Row = table.columns.map(() => null)
  let places = createPlaces()
  let rows: Row[] = []

  function push(change: Change, op: string, { row, oldKey = null }: { row: Row; oldKey?: Row | null }): void {
    places.ops.push(op)
    places.positions.push(change.op === 'message' ? change.position : change.tx.position)
    places.ordinals.push(BigInt(change.ordinal))
    places.times.push(change.tx === null ? null : change.tx.commitTimeUs)
    places.oldKeys.push(oldKey === null ? null : keyObject(table, oldKey))
    rows.push(row)
  }

  return {
    get rows() {
      return rows.length
    },
    add(change) {
      switch (change.op) {
        case 'insert':
          return push(change, 'insert', { row: change.after })
        case 'update':
          if (change.oldKey !== null) push(change, 'delete', { row: change.oldKey })
          return push(change, 'update', { row: change.after, oldKey: change.oldKey })
        case 'delete':
          return push(change, 'delete', { row: change.before })
        case 'truncate':
          return push(change, 'truncate', { row: empty })
        case 'message':
          return push(change, 'message', { row: [change.transactional, change.prefix, change.content] })
      }
    },
    take() {
      const unchanged: (string[] | null)[] = rows.map(() => null)
      const { rowCount, vectors } = columnsOfRows(table.columns, rows, (row, column) => {
        // A delete says of no column that it did not change.
        if (places.ops[row] === 'delete') return
        const name = table.columns[column]!.name // it came from these columns
        if (unchanged[row]) unchanged[row].push(name)
        else unchanged[row] = [name]
      })
      const own = placeVectors(places, unchanged, table)
      places = createPlaces()
      rows = []
      return { rowCount, vectors: [...own, ...vectors] }
    },
  }
}

type Places = { ops: string[]; positions: string[]; ordinals: bigint[]; times: (number | null)[]; oldKeys: (Value | null)[] }

function createPlaces(): Places {
  return { ops: [], positions: [], ordinals: [], times: [], oldKeys: [] }
}

function placeVectors(
  { ops, positions, ordinals, times, oldKeys }: Places,
  unchanged: readonly (string[] | null)[],
  table: Table,
): Vector[] {
  return [
    vectorOfValues(TEXT, ops),
    vectorOfValues(TEXT, positions),
    { form: 'fixed', values: BigInt64Array.from(ordinals), valid: null },
    timeVector(times),
    vectorOfValues({ kind: 'array', of: TEXT }, unchanged),
    vectorOfValues(keyType(table), oldKeys),
  ]
}

/** Microseconds since 1970 as they are; a message outside a transaction has none. */
function timeVector(times: readonly (number | null)[]): Vector {
  const values = BigInt64Array.from(times, (time) => BigInt(time ?? 0))
  if (!times.includes(null)) return { form: 'fixed', values, valid: null }
  const valid = new Uint8Array(Math.ceil(times.length / 8))
  times.forEach((time, at) => {
    if (time !== null) valid[at >> 3]! |= 1 << (at & 7) // inside: one bit each
  })
  return { form: 'fixed', values, valid }
}

function keyObject({ columns, key }: Table, row: Row): Value {
  // A key row holds a value in each key column, and the indexes of a key are inside.
  return Object.fromEntries(key.map((at) => [columns[at]!.name, (row[at] ?? null) as Value]))
}
