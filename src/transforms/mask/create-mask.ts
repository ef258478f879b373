import { createHmac } from 'node:crypto'
import { tableName, type Column, type LogicalType, type Table, type Value } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createKeyOf } from '../../values/create-key-of.ts'
import { columnAt } from '../table-choice.ts'
import { readWritten } from '../written-value.ts'
import type { MaskConfig } from './config.ts'
import type { Mask } from './mask-step.ts'

/** How one column is masked. Throws where its type or its part in the key does not allow it. */
export function createMask(transform: string, table: Table, at: { index: number; config: MaskConfig }): Mask {
  const { index, config } = at
  const column = columnAt(table, index)
  // Different keys must stay different, or rows would take each other's place: a hash of 256 bits keeps them so, nothing else here does.
  if (table.key.includes(index) && config.how !== 'hash')
    throw new MillraceError('TRANSFORM_MASK_KEY', { transform, table: tableName(table), column: column.name, how: config.how })
  const refuse = (reason: string) =>
    new MillraceError('TRANSFORM_COLUMN_TYPE', { transform, table: tableName(table), column: column.name, type: column.sourceType, reason })
  switch (config.how) {
    case 'null':
      return { column: { ...withoutMissing(column), nullable: true }, of: () => null }
    case 'fixed':
      return fixedMask(column, config, refuse)
    case 'hash':
      return hashMask(column, config.salt ?? '')
    case 'keep-last':
      return keepLastMask(column, config.keep ?? 0, refuse)
  }
}

type Refuse = (reason: string) => MillraceError

function fixedMask(column: Column, { value: written }: MaskConfig, refuse: Refuse): Mask {
  const read = readWritten(column.type, written ?? '')
  if ('fault' in read) throw refuse(read.fault)
  const { value } = read
  return maskOf(column, () => value)
}

/** Of the value's text, or its bytes; of lists and row types, which have no text of their own, of one that keeps different values different. */
function hashMask(column: Column, salt: string): Mask {
  const keyOf = createKeyOf({ schema: '', name: '', id: 0, version: '', columns: [column], key: [0], identity: 'key' })
  const contentOf = (value: Value) => {
    if (typeof value === 'string' || value instanceof Uint8Array) return value
    if (typeof value === 'object') return keyOf([value])
    return Object.is(value, -0) ? '-0' : String(value)
  }
  const hash = (value: Value) => createHmac('sha256', salt).update(contentOf(value)).digest('hex')
  return maskOf(asText(column), hash)
}

const SIGNS: ReadonlySet<LogicalType['kind']> = new Set(
  'int16 int32 uint32 int64 decimal text uuid bits date time timetz timestamp timestamptz interval unknown'.split(
    ' ',
  ) as LogicalType['kind'][],
)

function keepLastMask(column: Column, keep: number, refuse: Refuse): Mask {
  if (!SIGNS.has(column.type.kind)) throw refuse('its values are no text of which something could be kept')
  return maskOf(asText(column), (value) => {
    const signs = [...String(value)]
    const kept = signs.length > keep ? keep : 0
    return '*'.repeat(signs.length - kept) + signs.slice(signs.length - kept).join('')
  })
}

/** NULL stays NULL. What old rows hold in an added column is masked as every value is. */
function maskOf(column: Column, mask: (value: Value) => Value): Mask {
  const { missing } = column
  const masked = missing === undefined || missing === null ? column : { ...column, missing: mask(missing) }
  // Only values that were sent are masked.
  return { column: masked, of: (value) => (value === null ? null : mask(value as Value)) }
}

/** The column as one of the type text, in the words that a Postgres source has for it. */
function asText(column: Column): Column {
  return { ...column, type: { kind: 'text', name: 'text' }, sourceType: 'text', typeOid: 25, typeModifier: -1 }
}

function withoutMissing({ missing: _, ...column }: Column): Column {
  return column
}
