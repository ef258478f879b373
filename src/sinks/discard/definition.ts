import type { SinkDefinition } from '../../contracts/definition.ts'
import { config, type DiscardConfig } from './config.ts'

export const definition: SinkDefinition<DiscardConfig> = {
  type: 'discard',
  summary: 'Drops everything: for measuring the rest.',
  capabilities: {
    delivery: 'at-least-once',
    shape: 'nothing',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: true,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest === '' ? {} : { decode: rest }),
  async check() {},
  async open({ decode }, { log }) {
    const { openDiscard } = await import('./sink.ts')
    return openDiscard({ decode, log })
  },
}
