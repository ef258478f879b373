import { createHash } from 'node:crypto'
import type { StateStore } from '../contracts/state-store.ts'
import { warning } from '../core/run-watch.ts'
import type { PipelineEvent } from '../telemetry/pipeline-event.ts'
import type { Config } from './config.ts'

/** Remembers the transforms of a pipeline as they are shown, and tells where they are others than in the run before. */
export async function noteTransforms(
  config: Pick<Config, 'shown'>,
  state: StateStore,
  report: (event: PipelineEvent) => void,
): Promise<void> {
  const text = JSON.stringify(config.shown.transforms ?? [])
  const now = createHash('sha256').update(text).digest('hex')
  const before = await state.get('transforms')
  if (before === now) return
  const hasRun = (await state.get('log')) !== null
  // A pipeline from before transforms were remembered had none.
  if (hasRun && (before !== null || text !== '[]'))
    report(
      warning(
        'TRANSFORMS_CHANGED',
        'The transforms are not those of the last run. Rows that the sinks hold stay as the former ones made them; `millrace run --repair` reads every table again.',
      ),
    )
  await state.set({ transforms: now })
}
