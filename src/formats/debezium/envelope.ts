import { INT64, optional, STRING, wrapping, type ConnectSchema, type Wrapping } from '../../messages/connect/schema.ts'
import { adjustSchemaName } from '../../messages/debezium/names.ts'
import { afterText, type Shape } from '../../messages/debezium/record.ts'
import type { Settings } from '../../messages/debezium/settings.ts'
import { SOURCE_SCHEMA } from '../../messages/debezium/source-block.ts'
import type { TableForm } from '../../messages/debezium/table-form.ts'
import { TRANSACTION_SCHEMA } from '../../messages/debezium/transaction-topic.ts'

/** Old and new row in an envelope, and a tombstone behind each delete. */
export function envelopeShape(settings: Settings): Shape {
  const hasTombstones = settings.options['tombstones.on.delete']
  return (form) => {
    const { topic } = form
    const around = envelopeWrapping(form, settings)
    const nothing = `${around.before}{"before":null,"after":{`
    return (record, out) => {
      const { part } = record
      const { op, before, key, headers } = part
      const after = afterText(part, form)
      const end = `,"source":${record.source},"transaction":${record.transaction},"op":"${op}",${record.times}}${around.after}`
      const value =
        before === null && after !== null
          ? `${nothing}${after}}${end}`
          : `${around.before}{"before":${before === null ? 'null' : `{${form.before(before)}}`},"after":${after === null ? 'null' : `{${after}}`}${end}`
      out.push({ topic, key, value, headers })
      if (op === 'd' && hasTombstones) out.push({ topic, key, value: null, headers })
    }
  }
}

/** The envelope's schema around its payload, where values have one. */
export function envelopeWrapping(form: TableForm, { options, valueSchemas }: Settings): Wrapping {
  if (!valueSchemas) return wrapping(null)
  return wrapping(envelopeSchema(form, adjustSchemaName(`${form.topic}.Envelope`, options['schema.name.adjustment.mode'])))
}

function envelopeSchema({ valueSchema, oldSchema }: TableForm, name: string): ConnectSchema {
  const time = optional(INT64)
  return {
    type: 'struct',
    optional: false,
    name,
    version: 2,
    fields: [
      { ...oldSchema, field: 'before' },
      { ...valueSchema, field: 'after' },
      SOURCE_SCHEMA,
      TRANSACTION_SCHEMA,
      { field: 'op', ...STRING },
      { field: 'ts_ms', ...time },
      { field: 'ts_us', ...time },
      { field: 'ts_ns', ...time },
    ],
  }
}
