import { z } from 'zod'
import { durationSchema, sizeSchema } from '../../lib/unit-schemas.ts'

/** A letter alone is a drive of Windows. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i
const BUCKET = /^s3:\/\/[^/]/

export const config = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .refine((path) => !SCHEME.test(path) || BUCKET.test(path), { error: 'must be a folder, or s3://bucket/prefix' })
      .describe(
        'The folder, or `s3://bucket/prefix`, that holds one folder of Parquet files for each table. Relative paths start at the configuration.',
      ),
    compression: z.enum(['zstd', 'gzip', 'none']).default('zstd').describe('How pages are compressed.'),
    level: z.int().min(1).max(22).optional().describe("The compression's level; left out, the one that is fast and nearly as small."),
    rollSize: sizeSchema({ min: '1kB', max: '5GB' })
      .prefault('128MB')
      .describe('A file of changes that has reached this size is finished and a new one begun.'),
    rollAfter: durationSchema({ min: '100ms', max: '1d' })
      .prefault('5m')
      .describe(
        'A file of changes is finished at this age, however small: so long may a change wait until it can be read there, and the database keeps its log.',
      ),
    threads: z.int().min(1).max(64).default(1).describe('Threads that encode files beside the one that reads.'),
    onValue: z
      .enum(['fail', 'text', 'null', 'clamp'])
      .default('fail')
      .describe(
        'What becomes of a value that its column cannot hold (an infinite date or timestamp, NaN in a decimal, an array that is no plain list): stop; make such columns text; store null; store the nearest value.',
      ),
    region: z.string().min(1).optional().describe("S3: the bucket's region; left out, what the AWS environment says, else us-east-1."),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://localhost:9000' })
      .optional()
      .describe('S3: the address of a store that is not AWS, such as http://localhost:9000.'),
    pathStyle: z
      .boolean()
      .optional()
      .describe('S3: write the bucket into the path rather than the host name; on where `endpoint` is given.'),
    accessKeyId: z
      .string()
      .min(1)
      .optional()
      .describe("S3: an access key; left out, the AWS SDK's own chain of environment, profiles and roles."),
    secretAccessKey: z.string().min(1).optional().describe('S3: its secret; write ${env:NAME}.'),
    sessionToken: z.string().min(1).optional().describe('S3: the token of temporary credentials.'),
    partSize: sizeSchema({ min: '5MB', max: '512MB' })
      .prefault('8MB')
      .describe('S3: files larger than this go up in parts of it; one part for each open file is in memory.'),
  })
  .refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), {
    error: 'needs accessKeyId and secretAccessKey together, or neither',
    path: ['secretAccessKey'],
  })

export type ParquetConfig = z.output<typeof config>
