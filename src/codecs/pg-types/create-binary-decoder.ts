import type { LogicalType } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createArrayBinaryDecoder } from './arrays-binary.ts'
import { createUuidBinaryDecoder, decodeBitsBinary, decodeByteaBinary } from './bytes.ts'
import { createTimestampBinaryDecoder, decodeDateBinary } from './dates.ts'
import { decodeFloat32Binary, decodeFloat64Binary } from './floats.ts'
import { createIntegerBinaryDecoder, decodeBooleanBinary, decodeInt64Binary } from './integers.ts'
import { decodeIntervalBinary } from './interval.ts'
import { createMacBinaryDecoder, createNetworkBinaryDecoder } from './network.ts'
import { createNumericBinaryDecoder } from './numeric.ts'
import { decodeJsonbBinary, decodeText } from './strings.ts'
import { decodeTimeBinary, decodeTimetzBinary } from './times.ts'
import type { ValueDecoder } from './value-decoder.ts'

/**
 * The type's binary form (send function, as in COPY BINARY) → the same canonical value as its text form gives.
 * Only for types that `typeOf` does not ask to select as text.
 */
export function createBinaryDecoder(type: LogicalType): ValueDecoder {
  switch (type.kind) {
    case 'boolean':
      return decodeBooleanBinary
    case 'int16':
    case 'int32':
    case 'uint32':
      return createIntegerBinaryDecoder(type.kind)
    case 'int64':
      return decodeInt64Binary
    case 'float32':
      return decodeFloat32Binary
    case 'float64':
      return decodeFloat64Binary
    case 'decimal':
      return createNumericBinaryDecoder()
    case 'text':
      return type.labels ? decodeText : createTextKindDecoder(type.name)
    case 'json':
      return type.binary ? decodeJsonbBinary : decodeText
    case 'uuid':
      return createUuidBinaryDecoder()
    case 'bytes':
      return decodeByteaBinary
    case 'bits':
      return decodeBitsBinary
    case 'date':
      return decodeDateBinary
    case 'time':
      return decodeTimeBinary
    case 'timetz':
      return decodeTimetzBinary
    case 'timestamp':
    case 'timestamptz':
      return createTimestampBinaryDecoder(type.kind)
    case 'interval':
      return decodeIntervalBinary
    case 'array':
      return createArrayBinaryDecoder(createBinaryDecoder(type.of))
    case 'map':
    case 'composite':
    case 'unknown':
      throw new MillraceError('BUG', { reason: `a column of kind ${type.kind} was read in binary` })
  }
}

function createTextKindDecoder(name: string): ValueDecoder {
  switch (name) {
    case 'inet':
    case 'cidr':
      return createNetworkBinaryDecoder(name)
    case 'macaddr':
      return createMacBinaryDecoder(6)
    case 'macaddr8':
      return createMacBinaryDecoder(8)
    default:
      return decodeText
  }
}
