/** How Debezium makes names fit for Kafka's topics and for Avro. */

export type Adjustment = 'none' | 'avro' | 'avro_unicode'

const LONGEST_TOPIC = 249

/** Characters that Kafka does not take become underscores. */
export function topicName(parts: readonly string[], delimiter: string): string {
  const name = parts
    .filter((part) => part.trim() !== '')
    .join(delimiter)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, LONGEST_TOPIC)
  return name === '.' || name === '..' ? '_'.repeat(name.length) : name
}

/** The full name of a schema: dots part it. */
export function adjustSchemaName(name: string, adjustment: Adjustment): string {
  return adjust(name, adjustment, '.')
}

/** The name of a field, in which a dot is like any other character that Avro does not take. */
export function adjustFieldName(name: string, adjustment: Adjustment): string {
  return adjust(name, adjustment, '')
}

function adjust(name: string, adjustment: Adjustment, more: string): string {
  if (adjustment === 'none') return name
  const letters = adjustment === 'avro' ? '[A-Za-z_]' : '[A-Za-z]'
  const first = new RegExp(letters)
  const later = new RegExp(`${letters}|[0-9${more}]`)
  // By UTF-16 units, as Java does.
  return name
    .split('')
    .map((char, at) => ((at === 0 ? first : later).test(char) ? char : replaced(char, at === 0, adjustment)))
    .join('')
}

function replaced(char: string, isFirst: boolean, adjustment: Adjustment): string {
  if (adjustment === 'avro') return isFirst && /\d/.test(char) ? `_${char}` : '_'
  const hex = char.charCodeAt(0).toString(16)
  return `_u${hex.length <= 2 ? `00${hex}` : hex}`
}
