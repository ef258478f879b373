import { z } from 'zod'

export const config = z.strictObject({
  decode: z
    .enum(['none', 'rows', 'columns'])
    .default('rows')
    .describe('What is decoded before it is dropped: nothing of a snapshot, its rows, or its columns.'),
})

export type DiscardConfig = z.infer<typeof config>
