import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'

export const config = z.strictObject({ format: formatSchema() })

export type StdoutConfig = z.infer<typeof config>
