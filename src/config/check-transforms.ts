import { TRANSFORMS } from '../registry.ts'
import { checkPart, findDefinition, without } from './check-part.ts'
import type { ConfiguredTransform } from './config.ts'
import type { Mistake } from './mistake.ts'
import type { Typed } from './shape.ts'

/** The list `transforms`, each checked by the definition that its `type` names. */
export async function checkTransforms(inputs: readonly (Typed | null)[], mistakes: Mistake[]): Promise<ConfiguredTransform[]> {
  const transforms: ConfiguredTransform[] = []
  for (const [index, input] of inputs.entries()) {
    const at = { path: ['transforms', index], mistakes }
    const definition = input && (await findDefinition(TRANSFORMS, input, at))
    const config = definition && checkPart(definition.config, without(input, ['type']), at)
    if (definition && config !== null) transforms.push({ name: `transforms[${index}] (${definition.type})`, definition, config })
  }
  return transforms
}
