import { z } from 'zod'
import type { FormatDefinition } from '../../contracts/definition.ts'
import { createNative } from './native.ts'

const config = z.strictObject({})

export const definition: FormatDefinition<z.infer<typeof config>> = {
  type: 'native',
  summary: 'One JSON object a line with every value as the source holds it.',
  config,
  create: createNative,
}
