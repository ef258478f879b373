import type { Value } from '../../contracts/table.ts'
import type { ConnectField, ConnectSchema } from '../connect/schema.ts'
import { base64 } from '../json/json-text.ts'
import { doubleText } from './double-text.ts'
import { named, textual, type ColumnForm, type FormContext } from './column-form.ts'

const DOUBLE: ConnectSchema = { type: 'double', optional: false }
const WKB: ConnectField = { field: 'wkb', type: 'bytes', optional: false }
const SRID: ConnectField = { field: 'srid', type: 'int32', optional: true }
const GEOMETRY = 'io.debezium.data.geometry'

/** Points, PostGIS, pgvector, isn and the catalogue's vectors: their values come as the server's text. Null for every other type. */
export function spatialForm(type: string, { options }: FormContext): ColumnForm | null {
  switch (type) {
    case 'point':
      return { schema: POINT, text: pointText, unavailable: null }
    case 'geometry':
    case 'geography': {
      const name = type === 'geometry' ? 'Geometry' : 'Geography'
      const schema: ConnectSchema = { type: 'struct', optional: false, doc: name, fields: [WKB, SRID] }
      return { schema: named(`${GEOMETRY}.${name}`, schema), text: geometryText, unavailable: null }
    }
    case 'vector':
      return vectorForm('io.debezium.data.DoubleVector', DOUBLE)
    case 'halfvec':
      return vectorForm('io.debezium.data.FloatVector', { type: 'float', optional: false })
    case 'sparsevec':
      return { schema: SPARSE, text: sparseText, unavailable: null }
    case 'int2vector':
    case 'oidvector':
      return listForm({ type: type === 'int2vector' ? 'int16' : 'int64', optional: false })
    case 'isbn':
      return textual(options, { type: 'string', optional: false })
    default:
      return null
  }
}

const POINT: ConnectSchema = {
  ...named(`${GEOMETRY}.Point`, { type: 'struct', optional: false, doc: 'Geometry (POINT)' }),
  fields: [{ field: 'x', ...DOUBLE }, { field: 'y', ...DOUBLE }, { ...WKB, optional: true }, SRID],
}

/** `(1.5,2)`. The well-known binary beside it is little-endian, of type 1. */
function pointText(value: Value): string {
  const [x = 0, y = 0] = (value as string).slice(1, -1).split(',').map(Number) // two numbers in parentheses
  const wkb = Buffer.alloc(21)
  wkb[0] = 1
  wkb.writeInt32LE(1, 1)
  wkb.writeDoubleLE(x, 5)
  wkb.writeDoubleLE(y, 13)
  return `{"x":${doubleText(x)},"y":${doubleText(y)},"wkb":${base64(wkb)},"srid":null}`
}

const HAS_SRID = 0x20000000

/** PostGIS prints its extended well-known binary in hexadecimal: byte order, type with flags, the SRID where its flag is set. */
function geometryText(value: Value): string {
  const bytes = Buffer.from(value as string, 'hex') // text, by the value model
  const type = bytes[0] === 1 ? bytes.readUInt32LE(1) : bytes.readUInt32BE(1)
  const srid = (type & HAS_SRID) === 0 ? 'null' : String(bytes[0] === 1 ? bytes.readInt32LE(5) : bytes.readInt32BE(5))
  return `{"wkb":${base64(bytes)},"srid":${srid}}`
}

/** `[1,2.5]` is JSON already. */
function vectorForm(name: string, items: ConnectSchema): ColumnForm {
  return { schema: named(name, { type: 'array', optional: false, items }), text: (value) => value as string, unavailable: null } // text, by the value model
}

/** `1 2 3`. */
function listForm(items: ConnectSchema): ColumnForm {
  const text = (value: Value): string => `[${(value as string).trim().replaceAll(' ', ',')}]` // text, by the value model
  return { schema: { type: 'array', optional: false, items }, text, unavailable: null }
}

const INT16: ConnectSchema = { type: 'int16', optional: false }
const SPARSE: ConnectSchema = {
  ...named('io.debezium.data.SparseDoubleVector', { type: 'struct', optional: false, doc: 'Sparse double vector' }),
  fields: [
    { field: 'dimensions', ...INT16 },
    { field: 'vector', type: 'map', optional: false, keys: INT16, values: DOUBLE },
  ],
}

/** `{1:0.5,3:2}/5`. Maps whose keys are no text are lists of pairs in Connect's JSON. */
function sparseText(value: Value): string {
  const [entries = '', dimensions = '0'] = (value as string).split('/') // text, by the value model
  const pairs = entries.slice(1, -1).split(',').filter(Boolean)
  return `{"dimensions":${dimensions},"vector":[${pairs.map((pair) => `[${pair.replace(':', ',')}]`).join(',')}]}`
}
