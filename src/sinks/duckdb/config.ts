import { z } from 'zod'
import { sizeSchema } from '../../lib/unit-schemas.ts'

export const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe('The DuckDB file; made where it is missing. Relative paths start at the configuration.')
    .meta({ 'x-path': 'file' }),
  memoryLimit: sizeSchema({ min: '64MB', max: '1TB' })
    .prefault('192MB')
    .describe("DuckDB's memory limit; what needs more is spilled to a folder beside the file."),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe('Threads that DuckDB may use; more make large deletes faster and cost more CPU in all.'),
  closeBetweenFlushes: z
    .boolean()
    .default(false)
    .describe(
      'Let go of the file where nothing was written for 100 ms, and a few times a second under load, so that other processes can read it; costs time at each.',
    ),
  onValue: z
    .enum(['fail', 'text', 'null', 'clamp'])
    .default('fail')
    .describe(
      'What becomes of a value that its column cannot hold (NaN in a decimal, a timestamp past the year 294246): stop; make the column text; store null; store the nearest value.',
    ),
})

export type DuckdbConfig = z.output<typeof config>
