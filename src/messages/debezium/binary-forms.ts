import type { Value } from '../../contracts/table.ts'
import { base64, quoted } from '../json/json-text.ts'
import type { ColumnForm, FormContext } from './column-form.ts'
import type { DebeziumOptions } from './options.ts'
import { placeholderOf } from './placeholder.ts'

/** Bytes by `binary.handling.mode`. Connect's JSON shows its bytes in base64. */
export function binaryForm(options: DebeziumOptions): ColumnForm {
  const mode = options['binary.handling.mode']
  const show = mode === 'hex' ? hex : mode === 'base64-url-safe' ? urlSafe : base64
  const placeholder = placeholderOf(options)
  // As Debezium has it: the hexadecimal form alone shows the placeholder as it is written.
  const unavailable = mode === 'hex' ? quoted(placeholder.text) : show(placeholder.bytes)
  return {
    schema: { type: mode === 'bytes' ? 'bytes' : 'string', optional: false },
    text: (value) => show(value as Uint8Array), // bytes, by the value model
    unavailable,
  }
}

function hex(bytes: Uint8Array): string {
  return `"${asBuffer(bytes).toString('hex')}"`
}

/** With padding, as Java's encoder has it. */
function urlSafe(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_')
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A varbit without a bound: what pgjdbc says of its length. */
const UNBOUNDED = 2_147_483_647

/** One bit is a boolean; more are bytes, the lowest bit first, without the zero bytes at the end. */
export function bitsForm({ modifier }: FormContext): ColumnForm {
  if (modifier === 1) return { schema: { type: 'boolean', optional: false }, text: (value) => String(value === '1'), unavailable: null }
  const length = String(modifier < 0 ? UNBOUNDED : modifier)
  return {
    schema: { type: 'bytes', optional: false, name: 'io.debezium.data.Bits', version: 1, parameters: { length } },
    text: bitBytes,
    unavailable: null,
  }
}

function bitBytes(value: Value): string {
  const bits = (value as string).replace(/^0+/, '') // text, by the value model
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8))
  for (let at = 0; at < bits.length; at++)
    if (bits.charCodeAt(bits.length - 1 - at) === 49) bytes[at >> 3] = bytes[at >> 3]! | (1 << (at & 7)) // inside: a bit each
  return base64(bytes)
}
