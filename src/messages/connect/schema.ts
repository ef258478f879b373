/**
 * Schemas of Kafka Connect as its JSON converter writes them (org.apache.kafka.connect.json, `asJsonSchema`): in messages with
 * schemas, `{"schema":…,"payload":…}`.
 */
export type ConnectSchema = {
  type: 'boolean' | 'int16' | 'int32' | 'int64' | 'float' | 'double' | 'string' | 'bytes' | 'array' | 'map' | 'struct'
  optional: boolean
  /** What the value means beyond its type. */
  name?: string
  version?: number
  doc?: string
  parameters?: Readonly<Record<string, string>>
  default?: string
  /** Of an array. */
  items?: ConnectSchema
  /** Of a map. */
  keys?: ConnectSchema
  values?: ConnectSchema
  /** Of a struct. */
  fields?: readonly ConnectField[]
}

export type ConnectField = ConnectSchema & { field: string }

export const STRING: ConnectSchema = { type: 'string', optional: false }
export const INT64: ConnectSchema = { type: 'int64', optional: false }

export function optional(schema: ConnectSchema): ConnectSchema {
  return { ...schema, optional: true }
}

/** What lies around a payload: `before + payload + after`. With `schema` null, nothing. */
export type Wrapping = { before: string; after: string }

export function wrapping(schema: ConnectSchema | null): Wrapping {
  return schema === null ? { before: '', after: '' } : { before: `{"schema":${JSON.stringify(schema)},"payload":`, after: '}' }
}
