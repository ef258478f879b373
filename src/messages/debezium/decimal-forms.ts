import type { LogicalType, Value } from '../../contracts/table.ts'
import { decimalBase64 } from '../connect/decimal-base64.ts'
import { putDecimal } from '../connect/put-decimal.ts'
import type { ConnectSchema } from '../connect/schema.ts'
import { doubleText } from './double-text.ts'
import { textual, type ColumnForm, type FormContext } from './column-form.ts'

const SPECIAL: Readonly<Record<string, string>> = { NaN: '"NAN"', Infinity: '"POSITIVE_INFINITY"', '-Infinity': '"NEGATIVE_INFINITY"' }
const REMEDY = 'Set `decimal.handling.mode` to `string` or `double`, or `event.converting.failure.handling.mode` to `warn` for null'

export function decimalForm({ precision, scale }: Extract<LogicalType, { kind: 'decimal' }>, context: FormContext): ColumnForm {
  if (context.options['decimal.handling.mode'] !== 'precise') return loose(context)
  return precision === null || scale === null ? variable(context) : exact(decimalSchema(scale, precision), scale, context)
}

export function moneyForm(context: FormContext): ColumnForm {
  const { options } = context
  if (options['decimal.handling.mode'] !== 'precise') return loose(context)
  const scale = options['money.fraction.digits']
  const { schema, text, unavailable } = exact(decimalSchema(scale), scale, context)
  return { schema, unavailable, text: (value) => text(roundHalfUp(value as string, scale)) } // text, by the value model
}

function decimalSchema(scale: number, precision?: number): ConnectSchema {
  const parameters = { scale: String(scale), ...(precision === undefined ? {} : { 'connect.decimal.precision': String(precision) }) }
  return { type: 'bytes', optional: false, name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters }
}

function exact(schema: ConnectSchema, scale: number, { misfit }: FormContext): ColumnForm {
  const text = (value: Value): string => {
    const bytes = isSpecial(value as string) ? null : decimalBase64(value as string, scale) // text, by the value model
    return bytes === null ? misfit('what is no finite number of that scale', REMEDY) : `"${bytes}"`
  }
  const putText: ColumnForm['putText'] = (digits, length, out, at) => putDecimal(digits, length, { scale, out, at })
  return { schema, text, putText, unavailable: null }
}

/** numeric without bounds: each value with a scale of its own. */
function variable({ misfit }: FormContext): ColumnForm {
  const text = (value: Value): string => {
    if (isSpecial(value as string)) return misfit('what is no finite number', REMEDY) // text, by the value model
    const trimmed = (value as string).includes('.') ? (value as string).replace(/\.?0+$/, '') : (value as string)
    const point = trimmed.indexOf('.')
    const scale = point < 0 ? 0 : trimmed.length - point - 1
    return `{"scale":${scale},"value":"${decimalBase64(trimmed, scale)}"}`
  }
  return { schema: VARIABLE, text, unavailable: null }
}

const VARIABLE: ConnectSchema = {
  type: 'struct',
  optional: false,
  name: 'io.debezium.data.VariableScaleDecimal',
  version: 1,
  doc: 'Variable scaled decimal',
  fields: [
    { field: 'scale', type: 'int32', optional: false },
    { field: 'value', type: 'bytes', optional: false },
  ],
}

function loose({ options }: FormContext): ColumnForm {
  if (options['decimal.handling.mode'] === 'double')
    return { schema: { type: 'double', optional: false }, text: (value) => doubleText(Number(value)), unavailable: null }
  const form = textual(options, { type: 'string', optional: false })
  return { schema: form.schema, unavailable: form.unavailable, text: (value) => SPECIAL[value as string] ?? `"${value as string}"` } // text, by the value model
}

function isSpecial(text: string): boolean {
  return text === 'NaN' || text.endsWith('y')
}

/** money holds two digits behind its point, or as many as the server's locale has; `money.fraction.digits` may ask for fewer. */
function roundHalfUp(text: string, scale: number): string {
  const point = text.indexOf('.')
  if (point < 0 || text.length - point - 1 <= scale) return text
  const sign = text.startsWith('-') ? '-' : ''
  const kept = BigInt(text.slice(sign.length, point) + text.slice(point + 1, point + 1 + scale))
  const rounded = String(kept + (text.charCodeAt(point + 1 + scale) >= 53 ? 1n : 0n)).padStart(scale + 1, '0')
  return sign + (scale === 0 ? rounded : `${rounded.slice(0, -scale)}.${rounded.slice(-scale)}`)
}
