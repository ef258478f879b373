import type { Value } from '../../../contracts/table.ts'
import type { DuckType } from '../column-type.ts'
import { encodeJson } from '../../../values/json-text.ts'
import type { ColumnWriter, WriterContext } from './cells.ts'
import { createDecimalWriter } from './decimal.ts'
import { createFixedWriter, createUuidWriter } from './fixed.ts'
import { createListWriter } from './list.ts'
import { createDateWriter, createTimestampWriter, createTimeWriter } from './temporal.ts'
import { createBytesWriter, createTextWriter } from './text.ts'

/** The writer of one column, by how DuckDB stores it. */
export function createColumnWriter(type: DuckType, context: WriterContext): ColumnWriter {
  switch (type.form) {
    case 'decimal':
      return createDecimalWriter(type, context)
    case 'list':
      return createListWriter(createColumnWriter(type.of, context), context)
    case 'encoded':
      return createTextWriter(type.sql, context, (value) => encodeJson(type.type, value as Value))
    case 'text':
    case 'json':
      return createTextWriter(type.sql, context)
    case 'uuid':
      return createUuidWriter(context)
    case 'bytes':
      return createBytesWriter(context)
    case 'date':
      return createDateWriter(context)
    case 'time':
      return createTimeWriter(context)
    case 'timestamp':
      return createTimestampWriter('', context)
    case 'timestamptz':
      return createTimestampWriter('Z', context)
    default:
      return createFixedWriter(type.form, context)
  }
}
