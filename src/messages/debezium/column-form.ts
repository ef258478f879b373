import type { Column, LogicalType } from '../../contracts/table.ts'
import { STRING, INT64, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { doubleText } from './double-text.ts'
import { arrayForm } from './array-form.ts'
import { binaryForm, bitsForm } from './binary-forms.ts'
import { decimalForm, moneyForm } from './decimal-forms.ts'
import { spatialForm } from './spatial-forms.ts'
import { placeholderOf } from './placeholder.ts'
import { intervalForm } from './interval-form.ts'
import { hstoreForm } from './hstore-form.ts'
import type { Misfit } from './misfit.ts'
import type { DebeziumOptions } from './options.ts'
import { dateForm, timeForm, timestampForm } from './temporal-forms.ts'
import { zonedTimeForm, zonedTimestampForm } from './zoned-forms.ts'
import { unknownForm } from './unknown-form.ts'
import type { ValueText } from '../json/value-text.ts'

/** How the values of one column look in Debezium's messages. */
export type ColumnForm = {
  schema: ConnectSchema
  /** A present value as JSON. Throws `FORMAT_VALUE` for one that the form cannot hold (or says null, where that is wanted). */
  text: ValueText
  /**
   * A shorter way to the same JSON, for the frequent: the value's own text as it is, or in quotes, where it never holds a character
   * that JSON escapes; or a text that may.
   */
  short?: 'plain' | 'quoted' | 'text'
  /**
   * The same JSON from the value's canonical text as bytes, the first `length` of `digits`: where it ends in `out`. −1 where `text` has to do it.
   * Left out where there is no shorter way.
   */
  putText?(digits: Uint8Array, length: number, out: Uint8Array, at: number): number
  /** JSON that stands for a value that the log did not send; null where the form has none. */
  unavailable: string | null
}

/** What a form is made from. */
export type FormContext = { options: DebeziumOptions; modifier: number; isMoney: boolean; isVarbit: boolean; misfit: Misfit }

/** Null where Debezium does not capture columns of the type. */
export function columnForm(column: Column, options: DebeziumOptions, misfit: Misfit): ColumnForm | null {
  const { type, sourceType, typeModifier, baseModifier = typeModifier } = column
  // As the catalogue writes a type, or, where it is gone from there, by the type's own name.
  const [isMoney, isVarbit] = [/^_?money/.test(sourceType), /^(bit varying|_?varbit)/.test(sourceType)]
  return formOf(type, { options, modifier: baseModifier, isMoney, isVarbit, misfit })
}

export function formOf(type: LogicalType, context: FormContext): ColumnForm | null {
  const { options } = context
  switch (type.kind) {
    case 'boolean':
      return { schema: { type: 'boolean', optional: false }, text: String, short: 'plain', unavailable: null }
    case 'int16':
    case 'int32':
    case 'int64':
      return { schema: { type: type.kind, optional: false }, text: String, short: 'plain', unavailable: null }
    case 'uint32':
      return { schema: INT64, text: String, short: 'plain', unavailable: null }
    case 'float32':
    case 'float64':
      // A number, by the value model.
      return { schema: { type: type.kind === 'float32' ? 'float' : 'double', optional: false }, text: (value) => doubleText(value as number), unavailable: null } // prettier-ignore
    case 'decimal':
      return context.isMoney ? moneyForm(context) : decimalForm(type, context)
    case 'text':
      return textForm(type, context)
    case 'json':
      return textual(options, named('io.debezium.data.Json'))
    case 'uuid':
      return { ...textual(options, named('io.debezium.data.Uuid')), short: 'quoted' }
    case 'bytes':
      return binaryForm(options)
    case 'bits':
      return bitsForm(context)
    case 'date':
      return dateForm(context)
    case 'time':
      return timeForm(context)
    case 'timestamp':
      return timestampForm(context)
    case 'timestamptz':
      return zonedTimestampForm(context)
    case 'timetz':
      return zonedTimeForm(context)
    case 'interval':
      return intervalForm(context)
    case 'map':
      return hstoreForm(options)
    case 'array':
      return arrayForm(type.of, context)
    case 'composite':
      return unknownForm(type, options)
    case 'unknown':
      return spatialForm(type.name, context) ?? unknownForm(type, options)
  }
}

const STRINGS = new Set(['text', 'varchar', 'bpchar', 'char', 'name', 'citext', 'inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange']) // prettier-ignore
const NAMED: Readonly<Record<string, string>> = {
  xml: 'io.debezium.data.Xml',
  tsvector: 'io.debezium.data.Tsvector',
  ltree: 'io.debezium.data.Ltree',
}

function textForm(type: Extract<LogicalType, { kind: 'text' }>, { options }: FormContext): ColumnForm | null {
  if (type.labels) return textual(options, { ...named('io.debezium.data.Enum'), parameters: { allowed: type.labels.join(',') } })
  if (STRINGS.has(type.name)) return textual(options, STRING)
  const name = NAMED[type.name]
  return name === undefined ? unknownForm(type, options) : textual(options, named(name))
}

export function named(name: string, schema: ConnectSchema = STRING): ConnectSchema {
  return { ...schema, name, version: 1 }
}

/** Whatever is text. */
export function textual(options: DebeziumOptions, schema: ConnectSchema): ColumnForm {
  return { schema, text: (value) => quoted(value as string), short: 'text', unavailable: quoted(placeholderOf(options).text) } // text, by the value model
}
