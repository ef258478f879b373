import { z } from 'zod'
import type { FormatDefinition } from '../../contracts/definition.ts'
import { parseTemplate } from '../../messages/parse-template.ts'
import { templateSchema } from '../../messages/template-schema.ts'
import { createCloudEvents } from './cloudevents.ts'

const config = z.strictObject({
  mode: z
    .enum(['structured', 'binary'])
    .default('structured')
    .describe('`structured`: the event is one JSON object. `binary`: the data is the value, everything else headers.'),
  headers: z
    .enum(['kafka', 'http'])
    .default('kafka')
    .describe('How `binary` names and writes headers: `ce_id` as CloudEvents over Kafka, `ce-id` as over HTTP.'),
  source: alwaysText().optional().describe('The event’s `source`, a URI reference. Left out: `/millrace/PIPELINE`.'),
  type: alwaysText().default('millrace.change.${op}').describe('The event’s `type`.'),
  subject: templateSchema().default('${schema}.${table}').describe('The event’s `subject`; none where the text is empty.'),
  partitionkey: templateSchema().default('${key}').describe('The extension `partitionkey`; none where the text is empty.'),
  dataschema: templateSchema()
    .optional()
    .describe('The event’s `dataschema`, a URI that tells what the data is; none where it is left out.'),
})

export const definition: FormatDefinition<z.infer<typeof config>> = {
  type: 'cloudevents',
  summary: 'CloudEvents 1.0, structured or binary, with the change as JSON data.',
  config,
  create: createCloudEvents,
}

/** CloudEvents asks for a source and a type that are not empty. */
function alwaysText() {
  return templateSchema().refine(
    (template) => parseTemplate(template).pieces.some((piece) => typeof piece === 'string' || NEVER_EMPTY.includes(piece.name)),
    'may come out empty, and must not: add some text',
  )
}

const NEVER_EMPTY: readonly string[] = ['schema', 'table', 'op']
