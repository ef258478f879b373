import { MillraceError } from '../../errors/millrace-error.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import type { Batch } from '../../contracts/batch.ts'
import type { Format } from '../../contracts/format.ts'
import { openClient } from './client.ts'
import { config } from './config.ts'
import { openHttp } from './sink.ts'

export const { signal } = new AbortController()

/** Settings as a user writes them, but that what fails is not repeated. */
export function openSink(settings: Record<string, unknown>, format: Format = createPlainFormat()) {
  const parsed = config.parse({ retryFor: '0s', ...settings })
  const failures: unknown[] = []
  const warnings: Record<string, unknown>[] = []
  const sink = openHttp({
    name: 'hook',
    format,
    settings: parsed,
    client: openClient(parsed, 'hook'),
    log: { warn: (event, fields) => void warnings.push({ event, ...fields }) },
    failed: (error) => void failures.push(error),
  })
  return { sink, failures, warnings }
}

/** What becomes of these batches: the error that ends them, or null once all is durable. */
export async function writeAll(settings: Record<string, unknown>, ...batches: Batch[]): Promise<MillraceError | null> {
  const { sink } = openSink(settings)
  try {
    for (const batch of batches) await sink.write(batch, signal)
    await sink.flush(signal)
    return null
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  } finally {
    await sink[Symbol.asyncDispose]()
  }
}
