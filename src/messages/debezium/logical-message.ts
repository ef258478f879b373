import type { MessageChange } from '../../contracts/change.ts'
import type { Message } from '../../contracts/format.ts'
import { INT64, optional, STRING, wrapping, type ConnectSchema } from '../connect/schema.ts'
import { quoted } from '../json/json-text.ts'
import { binaryForm } from './binary-forms.ts'
import { adjustSchemaName } from './names.ts'
import type { Settings } from './settings.ts'
import { SOURCE_SCHEMA } from './source-block.ts'
import { TRANSACTION_SCHEMA } from './transaction-topic.ts'

const NAMES = 'io.debezium.connector.postgresql'
/** How transactions count logical messages. */
export const MESSAGE_COLLECTION = 'LOGICAL_DECODING_MESSAGE'

type Around = { source: string; transaction: string; nowMs: number }

/** The messages of `pg_logical_emit_message`. */
export function createLogicalMessages({ options, prefix, keySchemas, valueSchemas }: Settings) {
  const content = binaryForm(options)
  const name = (last: string): string => adjustSchemaName(`${NAMES}.${last}`, options['schema.name.adjustment.mode'])
  const prefixField = { field: 'prefix', ...optional(STRING) }
  const block = { type: 'struct' as const, optional: false, name: name('Message'), version: 1 }
  const keySchema: ConnectSchema = { ...block, name: name('MessageKey'), fields: [prefixField] }
  const valueSchema: ConnectSchema = {
    ...block,
    name: name('MessageValue'),
    fields: [
      { field: 'op', ...STRING },
      { field: 'ts_ms', ...optional(INT64) },
      SOURCE_SCHEMA,
      TRANSACTION_SCHEMA,
      { ...block, field: 'message', fields: [prefixField, { ...optional(content.schema), field: 'content' }] },
    ],
  }
  const keyAround = wrapping(keySchemas ? keySchema : null)
  const around = wrapping(valueSchemas ? valueSchema : null)
  const include = options['message.prefix.include.list']
  const exclude = options['message.prefix.exclude.list']

  return {
    wants: (change: MessageChange): boolean =>
      include.length > 0 ? include.some((matches) => matches(change.prefix)) : !exclude.some((matches) => matches(change.prefix)),
    message(change: MessageChange, { source, transaction, nowMs }: Around): Message {
      const named = `"prefix":${quoted(change.prefix)}`
      const body = `{"op":"m","ts_ms":${nowMs},"source":${source},"transaction":${transaction},"message":{${named},"content":${content.text(change.content)}}}`
      return {
        topic: `${prefix}.message`,
        key: `${keyAround.before}{${named}}${keyAround.after}`,
        value: around.before + body + around.after,
        headers: {},
      }
    },
  }
}
