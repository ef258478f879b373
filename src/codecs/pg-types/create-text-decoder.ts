import type { LogicalType } from '../../contracts/table.ts'
import { createArrayTextDecoder } from './arrays-text.ts'
import { decodeBitsText, decodeByteaText, decodeUuidText } from './bytes.ts'
import { createCompositeTextDecoder } from './composites.ts'
import { createTimestampTextDecoder, decodeDateText } from './dates.ts'
import { decodeFloatText } from './floats.ts'
import { decodeHstoreText } from './hstore.ts'
import { createIntegerTextDecoder, decodeBooleanText, decodeInt64Text } from './integers.ts'
import { decodeIntervalText } from './interval.ts'
import { decodeDecimalText } from './numeric.ts'
import { decodeCharText, decodeText } from './strings.ts'
import { decodeTimetzText, decodeTimeText } from './times.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * The server's text form (output function, under the session settings of docs/specs/values.md) → canonical value.
 * The log sends this form, and COPY does for columns under `selectAsText`. Make one per column and table version.
 */
export function createTextDecoder(type: LogicalType): ValueDecoder {
  switch (type.kind) {
    case 'boolean':
      return decodeBooleanText
    case 'int16':
    case 'int32':
    case 'uint32':
      return createIntegerTextDecoder(type.kind)
    case 'int64':
      return decodeInt64Text
    case 'float32':
    case 'float64':
      return decodeFloatText
    case 'decimal':
      return decodeDecimalText
    case 'text':
      return type.name === 'char' && !type.labels ? decodeCharText : decodeText
    case 'json':
    case 'unknown':
      return decodeText
    case 'uuid':
      return decodeUuidText
    case 'bytes':
      return decodeByteaText
    case 'bits':
      return decodeBitsText
    case 'date':
      return decodeDateText
    case 'time':
      return decodeTimeText
    case 'timetz':
      return decodeTimetzText
    case 'timestamp':
    case 'timestamptz':
      return createTimestampTextDecoder(type.kind)
    case 'interval':
      return decodeIntervalText
    case 'array':
      return createArrayTextDecoder(createTextDecoder(type.of), arrayDelimiter(type.of))
    case 'map':
      return decodeHstoreText
    case 'composite':
      return createCompositeTextDecoder(type.fields.map(({ name, type: field }) => ({ name, decode: createTextDecoder(field) })))
  }
}

/** `box` alone of the built-in types has another `typdelim`; types of extensions with others are not arrays here (`typeOf`). */
export function arrayDelimiter(of: LogicalType): ',' | ';' {
  return of.kind === 'unknown' && of.name === 'box' ? ';' : ','
}
