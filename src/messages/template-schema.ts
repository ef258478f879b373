import { z } from 'zod'
import { parseTemplate } from './parse-template.ts'

/** An option that holds a template: it is told where a name in it is unknown. `createTemplate` compiles it when the sink or format is opened. */
export function templateSchema({ mayBeEmpty = false } = {}) {
  return z
    .string()
    .min(mayBeEmpty ? 0 : 1)
    .superRefine((template, context) => {
      const { mistake } = parseTemplate(template)
      if (mistake !== null) context.addIssue({ code: 'custom', message: mistake })
    })
}
