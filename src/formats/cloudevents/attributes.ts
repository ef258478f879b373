import { createTimeText } from '../../messages/json/json-text.ts'
import type { PlacedMessage } from '../../messages/messages-of.ts'
import { createTemplate } from '../../messages/template.ts'

export type AttributeTemplates = {
  source?: string | undefined
  type: string
  subject: string
  partitionkey: string
  dataschema?: string | undefined
}

/** What an event tells of; `timeUs` null where no time is known, `sequence` its place among the others of its source. */
export type Occurrence = Pick<PlacedMessage, 'table' | 'change' | 'row' | 'chunk' | 'position'> & {
  id: string
  key: string | null
  sequence: string
  timeUs: number | null
}

/** Names and texts in the order in which they are written; none is empty. */
export type Attributes = readonly (readonly [name: string, text: string])[]

export function createAttributes(templates: AttributeTemplates, pipeline: string): (occurrence: Occurrence) => Attributes {
  const source = createTemplate(templates.source ?? `/millrace/${pipeline.replaceAll('$', '$$$$')}`)
  const type = createTemplate(templates.type)
  const subject = createTemplate(templates.subject)
  const partitionkey = createTemplate(templates.partitionkey)
  const dataschema = createTemplate(templates.dataschema ?? '')
  const timeText = createTimeText()

  return (occurrence) => {
    const placed = placedOf(occurrence)
    const { id, sequence, timeUs } = occurrence
    const attributes: [string, string][] = [
      ['specversion', '1.0'],
      ['id', id],
      ['source', encodeURI(source.text(placed))],
      ['type', type.text(placed)],
      ['subject', subject.text(placed)],
      ['time', timeUs === null ? '' : timeText(timeUs)],
      ['datacontenttype', 'application/json'],
      ['dataschema', encodeURI(dataschema.text(placed))],
      ['partitionkey', partitionkey.text(placed)],
      ['sequence', sequence],
    ]
    return attributes.filter(([, text]) => text !== '')
  }
}

function placedOf({ key, table, change, row, chunk, position }: Occurrence): PlacedMessage {
  return { message: { topic: null, key, value: null, headers: null }, part: 0, table, change, row, index: 0, chunk, position }
}
