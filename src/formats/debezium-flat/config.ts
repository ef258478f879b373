import { z } from 'zod'
import { debeziumOptions } from '../../messages/debezium/options.ts'
import { flag, words } from '../../messages/debezium/property-schemas.ts'
import { parseAddedField } from './added-fields.ts'

const ENVELOPE =
  'Names of the envelope’s fields: `op`, `ts_ms`, of `source` (`table`, `lsn`, `source.ts_ms`) and of `transaction` (`transaction.id`); `name:NEW` renames.'

function fieldNames(description: string) {
  return words('', description).superRefine((entries, context) => {
    for (const entry of entries)
      if (!parseAddedField(entry, ''))
        context.addIssue({ code: 'custom', message: `names ${JSON.stringify(entry)}, which no envelope has` })
  })
}

/** Where a header names the fields to drop, it is one that is made here. */
const namesAreKnown = (options: {
  'drop.fields.header.name'?: string | undefined
  'header.changed.name'?: string | undefined
  'header.unchanged.name'?: string | undefined
}) =>
  // prettier-ignore
  options['drop.fields.header.name'] === undefined ||
  [options['header.changed.name'], options['header.unchanged.name']].includes(options['drop.fields.header.name'])

export const config = z
  .strictObject({
    ...debeziumOptions,
    'delete.tombstone.handling.mode': z
      .enum(['drop', 'tombstone', 'rewrite', 'rewrite-with-tombstone', 'delete-to-tombstone'])
      .prefault('tombstone')
      .describe(
        'What a delete becomes: nothing; a message whose value is JSON’s null; the old row with `__deleted`; that and a tombstone; a tombstone.',
      ),
    'add.fields': fieldNames(`Added to the row. ${ENVELOPE}`),
    'add.fields.prefix': z.string().prefault('__').describe('Stands before the names of added fields.'),
    'add.headers': fieldNames(`Added as headers. ${ENVELOPE}`),
    'add.headers.prefix': z.string().prefault('__').describe('Stands before the names of added headers.'),
    'route.by.field': z.string().optional().describe('The column of text whose value is the topic.'),
    'header.changed.name': z
      .string()
      .optional()
      .describe('A header with the names of the columns that an update changed; needs REPLICA IDENTITY FULL.'),
    'header.unchanged.name': z.string().optional().describe('A header with the names of those that it did not.'),
    'drop.fields.header.name': z.string().optional().describe('One of those headers: the columns in it are left out of the row.'),
    'drop.fields.keep.schema.compatible': flag(true, 'Only columns that may be null are left out.'),
  })
  .refine(namesAreKnown, {
    path: ['drop.fields.header.name'],
    error: 'must be what `header.changed.name` or `header.unchanged.name` says',
  })

export type FlatOptions = z.output<typeof config>
