import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { harmlessLines } from '../../lib/harmless.ts'
import { config, type StdoutConfig } from './config.ts'

export const definition: SinkDefinition<StdoutConfig> = {
  type: 'stdout',
  summary: 'Lines on standard output, for a pipe or the eye.',
  capabilities: {
    delivery: 'at-least-once',
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: false,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest === '' ? {} : { format: rest }),
  async check() {},
  async open(_config, { name, format }) {
    if (format === null) throw new MillraceError('BUG', { reason: `the sink ${name} was opened without a format` })
    const { openStdout } = await import('./sink.ts')
    // A terminal would do what the characters say; a pipe gets them as they are. The lines stay the same JSON.
    return openStdout({ name, format, stream: process.stdout, ...(process.stdout.isTTY && { shown: harmlessLines }) })
  },
}
