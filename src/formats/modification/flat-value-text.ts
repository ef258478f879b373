import type { LogicalType, Value } from '../../contracts/table.ts'
import { quoted } from '../../messages/json/json-text.ts'
import { withJsonAsText } from '../../messages/json/json-as-text.ts'
import { valueText, type ValueText } from '../../messages/json/value-text.ts'
import { lowerBoundsOf } from '../../values/lower-bounds.ts'

/**
 * A value so that one type of Avro describes every value of its column: json is text, as pg2sink had it, and an array of several
 * dimensions or with other lower bounds than 1 is the text of its JSON.
 */
export function flatValueText(type: LogicalType): ValueText {
  return flat(withJsonAsText(type))
}

function flat(type: LogicalType): ValueText {
  const text = valueText(type)
  if (type.kind === 'composite') {
    const fields = type.fields.map((field) => ({ name: field.name, text: flat(field.type) }))
    return (value) => {
      const members = value as { readonly [field: string]: Value } // by its kind
      const texts = fields.map(({ name, text: textOf }) => {
        const member = members[name] ?? null
        return `${quoted(name)}:${member === null ? 'null' : textOf(member)}`
      })
      return `{${texts.join(',')}}`
    }
  }
  if (type.kind !== 'array') return text
  const itemText = flat(type.of)
  return (value) => {
    const items = value as readonly Value[] // by its kind
    if (lowerBoundsOf(items) !== null || items.some(Array.isArray)) return quoted(text(value))
    return `[${items.map((item) => (item === null ? 'null' : itemText(item))).join(',')}]`
  }
}
