import type { FormatDefinition } from '../contracts/definition.ts'
import { mistake, type Mistake } from './mistake.ts'

/** Of options that people bring from elsewhere, says what to write instead rather than which names are like theirs. */
export function nameInstead(mistakes: readonly Mistake[], { insteadOf }: Pick<FormatDefinition, 'insteadOf'>): Mistake[] {
  return mistakes.map((each) => {
    const answer = each.isUnknownKey ? insteadOf?.(String(each.path.at(-1))) : null
    return answer ? mistake(each.path, answer) : each
  })
}
