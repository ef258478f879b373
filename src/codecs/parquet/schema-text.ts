import { parquetMetadata, type SchemaElement } from 'hyparquet'
import { encodeFooter } from './footer.ts'
import type { ParquetSchema } from './schema.ts'

/** The elements that a file of this schema has in its footer: made by writing one without rows, so they cannot differ. */
export function schemaElements(schema: ParquetSchema): readonly SchemaElement[] {
  const footer = Uint8Array.from(encodeFooter({ schema, compression: 'none', rowGroups: [], metadata: {} }))
  return parquetMetadata(footer.buffer).schema
}

/** The schema as Parquet's own tools print it: `message NAME { … }`. */
export function messageText(elements: readonly SchemaElement[], name: string): string {
  const fields = treeOf(elements).map((node) => lines(node, '  ').join('\n'))
  return `message ${name} {\n${fields.map((field) => `${field}\n`).join('')}}\n`
}

/** Each column's part of that text, on one line and without the semicolon. */
export function fieldTexts(elements: readonly SchemaElement[]): readonly string[] {
  return treeOf(elements).map((node) =>
    lines(node, '')
      .map((line) => line.trim())
      .join(' ')
      .replace(/;$/, ''),
  )
}

type Node = { element: SchemaElement; children: readonly Node[] }

/** The elements stand depth first, each before its children; the first is the message itself. */
function treeOf(elements: readonly SchemaElement[]): readonly Node[] {
  let at = 0
  const next = (): Node => {
    const element = elements[at++]
    if (element === undefined) throw new RangeError('A Parquet schema names more children than it has')
    return { element, children: Array.from({ length: element.num_children ?? 0 }, next) }
  }
  return next().children
}

function lines({ element, children }: Node, indent: string): string[] {
  const annotation = annotationOf(element)
  const words = [
    (element.repetition_type ?? 'REQUIRED').toLowerCase(),
    physicalOf(element),
    element.name,
    ...(annotation ? [`(${annotation})`] : []),
  ]
  if (children.length === 0) return [`${indent}${words.join(' ')};`]
  return [`${indent}${words.join(' ')} {`, ...children.flatMap((child) => lines(child, `${indent}  `)), `${indent}}`]
}

function physicalOf({ type, type_length: length }: SchemaElement): string {
  if (type === undefined) return 'group'
  if (type === 'FIXED_LEN_BYTE_ARRAY') return `fixed_len_byte_array(${length})`
  return type === 'BYTE_ARRAY' ? 'binary' : type.toLowerCase()
}

function annotationOf({ logical_type: logical, converted_type: converted }: SchemaElement): string | null {
  if (logical === undefined) return converted ?? null
  switch (logical.type) {
    case 'DECIMAL':
      return `DECIMAL(${logical.precision},${logical.scale})`
    case 'INTEGER':
      return `INTEGER(${logical.bitWidth},${logical.isSigned})`
    case 'TIME':
    case 'TIMESTAMP':
      return `${logical.type}(${logical.unit},${logical.isAdjustedToUTC})`
    default:
      return logical.type
  }
}
