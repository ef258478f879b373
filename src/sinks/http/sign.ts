import { createHmac } from 'node:crypto'

export type Signed = { id: string; timestamp: number; body: string }

/**
 * Standard Webhooks' `webhook-signature`, version 1: HMAC-SHA256 of `id.timestamp.body`, once with each secret.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function sign({ id, timestamp, body }: Signed, secrets: readonly string[]): string {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return signatures.join(' ')
}
