import { createTransformation, type Transformation } from '../core/transformation.ts'
import type { Config } from './config.ts'

/** The transforms of a configuration, made once for a pipeline; undefined where there are none. Loads the modules of scripts. */
export async function openTransforms(config: Pick<Config, 'transforms' | 'sinks' | 'baseDir'>): Promise<Transformation | undefined> {
  if (config.transforms.length === 0) return undefined
  const transforms = await Promise.all(
    config.transforms.map(({ name, definition, config: own, baseDir = config.baseDir }) => definition.create(own, { name, baseDir })),
  )
  // Without its key a table cannot be kept up to date, whatever else a sink makes of one.
  const needsKey = config.sinks.find(({ definition: { capabilities } }) => capabilities.needsKey || capabilities.shape === 'tables')
  return createTransformation(transforms, { keyNeededBy: needsKey?.name ?? null })
}
