import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'
import { parseTemplate } from '../../messages/parse-template.ts'
import type { PartitionKeyOf } from './partition-key.ts'

const STREAM = /^(?:[A-Za-z0-9_.-]{1,128}|arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream\/[A-Za-z0-9_.-]{1,128})$/

export const config = z
  .strictObject({
    stream: z
      .string()
      .regex(STREAM, { error: "must be a stream's name, or its ARN" })
      .describe('The data stream, by its name or its ARN. It must be there.'),
    format: formatSchema(),
    partitionKey: partitionKeySchema().default('${key}'),
    order: z
      .enum(['strict', 'replay'])
      .default('strict')
      .describe(
        '`strict`: one record of a partition key at a time, so a later one never stands before an earlier one. `replay`: many of one partition key in a request; where one of them is refused it is sent again with all later ones, so readers can see a later record early and then again in its place.',
      ),
    wrap: z
      .boolean()
      .default(false)
      .describe(
        'Write `{"id":…,"topic":…,"key":…,"value":…,"headers":…}` rather than the value alone: Kinesis has no place for the others. `id` is the same when a change is sent again.',
      ),
    requests: z.int().min(1).max(50).default(4).describe('How many requests are under way at once, of up to 500 records each.'),
    region: z
      .string()
      .min(1)
      .optional()
      .describe("The stream's region; left out, its ARN's, else what the AWS environment says, else us-east-1."),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://localhost:4566' })
      .optional()
      .describe('The address of a service that is not AWS, or of a VPC endpoint.'),
    accessKeyId: z
      .string()
      .min(1)
      .optional()
      .describe("An access key; left out, the AWS SDK's own chain of environment, profiles and roles."),
    secretAccessKey: z.string().min(1).optional().describe('Its secret; write ${env:NAME}.'),
    sessionToken: z.string().min(1).optional().describe('The token of temporary credentials.'),
  })
  .refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), {
    error: 'needs accessKeyId and secretAccessKey together, or neither',
    path: ['secretAccessKey'],
  })

export type KinesisConfig = z.output<typeof config>

/** A template, or a function where the configuration is an object of a program. A file can hold the template only: so says its JSON Schema. */
function partitionKeySchema() {
  const schema = z.custom<string | PartitionKeyOf>((value) => mistakeOf(value) === null, {
    error: ({ input }) => mistakeOf(input) ?? 'is not valid',
  })
  // zod's own way for a type to say what it is in JSON Schema; a description given by `describe` would make another schema without it.
  schema._zod.toJSONSchema = () => ({
    type: 'string',
    minLength: 1,
    description:
      'What chooses the shard of a record, and with it what is kept in order: a template ([names](../specs/formats.md)), in the library also a function of the change. Where it gives nothing, the table. The key of a row must decide it.',
  })
  return schema
}

function mistakeOf(value: unknown): string | null {
  if (typeof value === 'function') return null
  if (typeof value !== 'string' || value === '') return 'must be a template such as ${key} or ${row.customer_id}'
  return parseTemplate(value).mistake
}
