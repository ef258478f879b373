import { openClient } from './client.ts'
import type { HttpConfig } from './config.ts'
import { fixedHeaders } from './encode-request.ts'
import { answerError, verdictOf } from './errors.ts'

/**
 * Asks by OPTIONS, which delivers nothing and changes nothing (RFC 9110 §9.3.7). It finds that the endpoint answers, with certificates both
 * sides take, and that it leads nowhere else. What it says of our rights and of the path is not asked: most servers answer OPTIONS by 404 or
 * 405, and some by 403, where they take a POST.
 */
export async function checkEndpoint(settings: HttpConfig, sink: string): Promise<void> {
  const client = openClient(settings, sink)
  try {
    const answer = await client.look(fixedHeaders(settings), new AbortController().signal)
    const verdict = verdictOf(answer.status)
    if (verdict === 'redirect' || answer.status >= 502) throw answerError(answer, { sink, url: settings.url })
  } finally {
    await client.close()
  }
}
