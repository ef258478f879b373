import { z } from 'zod'
import type { KafkaConfig } from './config.ts'

type Oauth = NonNullable<NonNullable<KafkaConfig['sasl']>['oauth']>

const answerSchema = z.object({ access_token: z.string().min(1) })
const WAIT_MS = 10_000

/** Asks for a token each time one is wanted: a connection is made seldom. Neither token nor secret is in what it throws. */
export function createTokens({ endpoint, clientId, clientSecret, scope }: Oauth): () => Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) })
  // RFC 6749, 2.3.1: both are encoded as in forms before they are joined.
  const login = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')
  return async () => {
    const answer = await fetch(endpoint, {
      method: 'POST',
      body,
      headers: { authorization: `Basic ${login}` },
      signal: AbortSignal.timeout(WAIT_MS),
    })
    if (!answer.ok) throw new Error(`the token server answered ${answer.status}`)
    return answerSchema.parse(await answer.json()).access_token
  }
}
