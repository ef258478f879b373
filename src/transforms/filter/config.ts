import { z } from 'zod'
import { tablesSchema } from '../table-choice.ts'

const scalar = z.union([z.string(), z.number(), z.boolean()])

const condition = z
  .strictObject({
    eq: scalar.optional().describe('Equal. Decimals by their number: 1.0 equals 1.00.'),
    ne: scalar.optional().describe('Not equal, and not NULL.'),
    in: z.array(scalar).min(1).optional().describe('Equal to one of these.'),
    lt: scalar.optional().describe('Less.'),
    le: scalar.optional().describe('Less or equal.'),
    gt: scalar.optional().describe('Greater.'),
    ge: scalar.optional().describe('Greater or equal.'),
    isNull: z.boolean().optional().describe('Whether it is NULL.'),
    like: z.string().optional().describe('Text like this: % is any text, _ one character.'),
  })
  .refine((given) => Object.keys(given).length > 0, { error: 'needs one of eq, ne, in, lt, le, gt, ge, isNull, like' })

export const OPERATIONS = ['read', 'insert', 'update', 'delete', 'truncate'] as const
export type Operation = (typeof OPERATIONS)[number]

export const config = z
  .strictObject({
    tables: tablesSchema(),
    operations: z
      .array(z.enum(OPERATIONS))
      .min(1)
      .optional()
      .describe('What the source did, of which only these pass; `read` are the rows that were there before. Left out: everything.'),
    where: z
      .record(z.string().min(1), condition)
      .prefault({})
      .describe(
        'Conditions by column, which must all hold: `{ status: { ne: draft }, total: { ge: "100" } }`. Operators: eq, ne, in, lt, le, gt, ge, isNull, like. NULL satisfies isNull only.',
      ),
  })
  .refine(({ operations, where }) => operations !== undefined || Object.keys(where).length > 0, {
    error: 'needs `where`, `operations`, or both',
  })

export type FilterConfig = z.infer<typeof config>
export type Condition = z.infer<typeof condition>
