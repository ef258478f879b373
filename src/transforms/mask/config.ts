import { z } from 'zod'
import { tablesSchema } from '../table-choice.ts'

export const HOWS = ['null', 'fixed', 'hash', 'keep-last'] as const

const SALT = 16

const fields = z.strictObject({
  tables: tablesSchema(),
  columns: z.array(z.string().min(1)).min(1).describe('The columns to mask, by name.'),
  how: z
    .enum(HOWS)
    .describe(
      '`"null"` (in quotes): every value becomes NULL. `fixed`: every value that is there becomes `value`. `hash`: HMAC-SHA-256 under `salt`, in hexadecimal: equal values stay equal. `keep-last`: all but the last `keep` characters become `*`.',
    ),
  value: z
    .union([z.string(), z.number(), z.boolean()])
    .optional()
    .describe('For `fixed`: what stands in place of each value; it must be one of the column.'),
  salt: z
    .string()
    .min(SALT, { error: `must be ${SALT} characters or more` })
    .optional()
    .describe('For `hash`: the secret, such as ${env:MASK_SALT}. Never printed; another salt gives other hashes.'),
  keep: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('For `keep-last`: how many characters stay. A value that has no more than those is masked whole.'),
})

/** What each way of masking needs beside it, and nothing else takes. */
const NEEDS = { null: null, fixed: 'value', hash: 'salt', 'keep-last': 'keep' } as const

export const config = fields.superRefine((given, context) => {
  const needed = NEEDS[given.how]
  for (const option of ['value', 'salt', 'keep'] as const) {
    const isGiven = given[option] !== undefined
    if (option === needed && !isGiven) context.addIssue({ code: 'custom', path: [option], message: `is required for how: ${given.how}` })
    if (option !== needed && isGiven) context.addIssue({ code: 'custom', path: [option], message: `is not for how: ${given.how}` })
  }
})

export type MaskConfig = z.infer<typeof fields>
