import type { LogicalType } from '../contracts/table.ts'

/** A type in words, for reports and fingerprints: equal words for equal types. */
export function describeType(type: LogicalType): string {
  switch (type.kind) {
    case 'decimal':
      return type.precision === null ? 'decimal' : `decimal(${type.precision},${type.scale ?? 0})`
    case 'text':
      return type.labels ? `enum ${type.name}(${type.labels.map((label) => JSON.stringify(label)).join(',')})` : type.name
    case 'json':
      return type.binary ? 'jsonb' : 'json'
    case 'array':
      return `${describeType(type.of)}[]`
    case 'composite':
      return `${type.name}(${type.fields.map((field) => `${JSON.stringify(field.name)} ${describeType(field.type)}`).join(', ')})`
    case 'unknown':
      return `unknown ${type.name}`
    default:
      return type.kind
  }
}

export function isSameType(a: LogicalType, b: LogicalType): boolean {
  return a.kind === b.kind && describeType(a) === describeType(b)
}
