import type { Format } from '../../contracts/format.ts'
import type { Log, Sink } from '../../contracts/sink.ts'
import { orAborted } from '../../lib/or-aborted.ts'
import { messagesOf } from '../../messages/messages-of.ts'
import { createAsk } from './ask.ts'
import type { HttpClient } from './client.ts'
import type { HttpConfig } from './config.ts'
import { createDeliver } from './deliver.ts'
import { createRequestEncoder } from './encode-request.ts'
import { createRouteOf, outgoingOf } from './outgoing.ts'
import { createQueues } from './queues.ts'

export type HttpOptions = {
  name: string
  format: Format
  settings: HttpConfig
  client: HttpClient
  log: Pick<Log, 'warn'>
  failed(error: unknown): void
}

/**
 * Messages to an HTTP endpoint. It keeps no record of its own: what was sent since the last checkpoint is sent again after a crash, with
 * the same ids, and nothing is left out, because a flush is done only when all that was given has been answered by 2xx.
 *
 * What belongs between all others (a null route) waits until everything before it is delivered, and is delivered before anything behind it
 * is begun; with one request at a time that is so by itself.
 */
export function openHttp({ name, format, settings, client, log, failed }: HttpOptions): Sink {
  const { url, body, concurrency, maxBytes, retryFor, maxRetryAfter } = settings
  const place = { sink: name, url }
  const ask = createAsk({ ...place, client, retryForMs: retryFor, maxRetryAfterMs: maxRetryAfter, log })
  const deliver = createDeliver({ ...place, ask, encode: createRequestEncoder(settings) })
  const maxRecords = body === 'single' ? 1 : settings.maxRecords
  const queues = createQueues({ count: concurrency, maxRecords, maxBytes, deliver, onFailed: failed })
  const routeOf = createRouteOf()
  let isApart = false

  return {
    async resume() {
      return null
    },
    async write(batch, signal) {
      queues.throwFailure()
      // A table may have another name or key from here on: rows of before and after would not be known as the same.
      if (batch.kind === 'control') await orAborted(queues.idle(), signal)
      for (const placed of messagesOf(format, batch)) {
        const route = concurrency === 1 ? '' : routeOf(placed)
        if ((route === null) !== isApart) {
          await orAborted(queues.idle(), signal)
          isApart = !isApart
        }
        if (queues.isFull()) await orAborted(queues.room(), signal)
        queues.add(outgoingOf(placed, body), route ?? '')
      }
      return queues.isIdle() ? 'durable' : 'accepted'
    },
    flush: (signal) => orAborted(queues.idle(), signal),
    async [Symbol.asyncDispose]() {
      await queues.close()
      await client.close()
    },
  }
}
