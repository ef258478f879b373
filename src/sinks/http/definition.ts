import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { config, type HttpConfig } from './config.ts'

export const definition: SinkDefinition<HttpConfig> = {
  type: 'http',
  schemes: ['https'],
  summary: 'Signed requests to somebody else’s server, in order per key, each message with an id to know it again by.',
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
  fromUrl: (rest, scheme) => (/^\/\/[^/]/.test(rest) ? { url: `${scheme}:${rest}` } : null),
  async check(settings, { name }) {
    const { checkEndpoint } = await import('./check.ts')
    await checkEndpoint(settings, name)
  },
  async open(settings, { name, format, log, failed }) {
    if (format === null) throw new MillraceError('BUG', { reason: `the sink ${name} was opened without a format` })
    const [{ openClient }, { openHttp }] = await Promise.all([import('./client.ts'), import('./sink.ts')])
    return openHttp({ name, format, settings, client: openClient(settings, name), log, failed })
  },
}
