import { createHash } from 'node:crypto'
import type { HttpRequest } from './client.ts'
import type { HttpConfig } from './config.ts'
import type { Outgoing } from './outgoing.ts'
import { sign } from './sign.ts'

type Settings = Pick<HttpConfig, 'url' | 'body' | 'secrets' | 'headers' | 'username' | 'password' | 'token'>

/** Messages as one request, told by the time at which it is sent. Equal messages make an equal id. */
export function createRequestEncoder(settings: Settings): (messages: readonly Outgoing[], nowMs: number) => HttpRequest {
  const fixed = fixedHeaders(settings)
  const secrets = [settings.secrets ?? []].flat()
  const isSingle = settings.body === 'single'

  return (messages, nowMs) => {
    const id = requestId(messages)
    const timestamp = Math.floor(nowMs / 1000)
    const body = isSingle ? (messages[0]?.text ?? '') : `[${messages.map(({ text }) => text).join(',')}]`
    const headers = {
      'content-type': 'application/json',
      ...(isSingle && messages[0] && messageHeaders(messages[0])),
      ...fixed,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'idempotency-key': id,
      ...(secrets.length > 0 && { 'webhook-signature': sign({ id, timestamp, body }, secrets) }),
    }
    return { headers, body }
  }
}

/** What every request has: the user's own headers, and who we are. */
export function fixedHeaders({ url, headers, username, password, token }: Omit<Settings, 'body'>): Record<string, string> {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const inUrl = new URL(url)
  const user = username ?? decodeURIComponent(inUrl.username)
  const secret = username === undefined ? decodeURIComponent(inUrl.password) : (password ?? '')
  return {
    'user-agent': 'millrace',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(token === undefined && user !== '' && { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` }),
    ...own,
  }
}

/** Of one message its own id; of several also their number and what they are, since after a restart others may travel together. */
function requestId(messages: readonly Outgoing[]): string {
  const [first] = messages
  if (messages.length === 1 && first) return first.id
  const digest = createHash('sha256')
  for (const { id } of messages) digest.update(`${id}\n`)
  return `${first?.id}-n${messages.length}-${digest.digest('base64url').slice(0, 22)}`
}

/** What a message has besides its value, as headers: the format's own as they are, key and topic under names of ours. */
function messageHeaders({ message: { topic, key, headers } }: Outgoing): Record<string, string> {
  const own = Object.entries(headers ?? {}).map(([name, value]) => [headerName(name), headerValue(value, NOT_PRINTABLE)])
  return {
    ...Object.fromEntries(own),
    ...(topic !== null && { 'millrace-topic': headerValue(topic, NOT_PRINTABLE_NOR_PERCENT) }),
    ...(key !== null && { 'millrace-key': headerValue(key, NOT_PRINTABLE_NOR_PERCENT) }),
  }
}

const NOT_PRINTABLE = /[^\x20-\x7e]+/gu
const NOT_PRINTABLE_NOR_PERCENT = /(?:[^\x20-\x7e]|%)+/gu

/** Percent-encoded UTF-8, as CloudEvents' HTTP binding has it: a header carries nothing else unharmed. */
function headerValue(value: string, hidden: RegExp): string {
  return value.replace(hidden, (text) => percent(text))
}

function headerName(name: string): string {
  return name.toLowerCase().replace(/[^!#$%&'*+.^_`|~0-9a-z-]+/gu, (text) => percent(text))
}

function percent(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
