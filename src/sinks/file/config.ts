import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'
import { durationSchema, sizeSchema } from '../../lib/unit-schemas.ts'

export const config = z.strictObject({
  path: z.string().min(1).describe('The folder that holds one folder of segments for each table.'),
  format: formatSchema(),
  rollSize: sizeSchema({ min: '1kB' }).prefault('256MB').describe('A segment that has reached this size is closed and a new one begun.'),
  rollAfter: durationSchema({ min: '1s' })
    .prefault('1h')
    .describe('A segment of this age is closed and a new one begun at the next change.'),
})

export type FileConfig = z.infer<typeof config>
