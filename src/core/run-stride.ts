import { MillraceError } from '../errors/millrace-error.ts'
import type { PipelineOptions } from './pipeline.ts'
import { inPart } from './run-failure.ts'
import type { OpenSink } from './run-resume.ts'

/**
 * Writes down whether ordinals are counted in strides (pieces.ts). Between transactions positions hold no ordinal, and the count may
 * change. A sink that stands inside a transaction would skip changes of it, or take some twice: it has to leave it first, as it came in.
 */
export async function rememberStride({ state, transforms }: PipelineOptions, sinks: readonly OpenSink[]): Promise<void> {
  const isStrided = transforms?.splits ?? false
  if (((await state.get('strided')) ?? false) === isStrided) return
  for (const open of sinks) {
    const position = open.record?.position ?? ''
    const furthest = (await inPart(open.name, async () => open.sink.furthest?.())) ?? ''
    if (position.includes(':') || furthest > position) throw new MillraceError('TRANSFORM_ORDINALS', { sink: open.name })
  }
  await state.set({ strided: isStrided })
}
