import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'
import { durationSchema, sizeSchema } from '../../lib/unit-schemas.ts'

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Written for each request, or a matter of the connection. */
const OWN_HEADERS = /^(webhook-.*|idempotency-key|content-length|transfer-encoding|connection|keep-alive|upgrade|expect|te|host)$/i

/** As Standard Webhooks has it: 24 to 64 random bytes. */
const secret = z
  .string()
  .refine(isSecret, { error: 'must be whsec_ and 24 to 64 bytes in base64, as `openssl rand -base64 32` prints them' })

const pem = z.string().refine((text) => text.includes('-----BEGIN '), { error: 'must be PEM text; of a file, write ${file:path}' })

export const config = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'must be a URL such as https://example.org/changes' })
      .refine(hasReadableUser, { error: 'has a user or password with a % of its own: write %25' })
      .describe('Where messages are sent by POST. Redirects are not followed.'),
    format: formatSchema(),
    body: z
      .enum(['batch', 'values', 'single'])
      .default('batch')
      .describe(
        'What one request holds: `batch`, a JSON array of objects with `id`, `value` and, where the format has them, `topic`, `key` and `headers`; `values`, a JSON array of the bare values; `single`, one bare value, its headers as headers of the request.',
      ),
    maxRecords: z.int().min(1).max(100_000).default(1000).describe('At most so many messages in one request.'),
    maxBytes: sizeSchema({ min: '1kB', max: '100MB' })
      .prefault('1MB')
      .describe('At most so large a body; a message that is larger by itself is sent alone.'),
    concurrency: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Requests under way at once. With 1 everything arrives in commit order, with more the changes of each key do.'),
    timeout: durationSchema({ min: '100ms', max: '10m' }).prefault('30s').describe('An answer that is not whole by then has failed.'),
    retryFor: durationSchema({ max: '10m' })
      .prefault('30s')
      .describe(
        'How long a request is repeated that got no answer, or one that says later (429, 5xx), before the pipeline begins again from its checkpoint.',
      ),
    maxRetryAfter: durationSchema({ min: '1s', max: '1h' })
      .prefault('5m')
      .describe('How long at most the `Retry-After` of an answer is waited for, and a request repeated that is answered so.'),
    secrets: z
      .union([secret, z.array(secret).min(1).max(8)])
      .optional()
      .describe('Signs requests as Standard Webhooks does: `whsec_…`, or several, each of which signs, while one replaces another.'),
    headers: z
      .record(
        z
          .string()
          .regex(TOKEN, { error: 'must be the name of a header' })
          .refine((name) => !OWN_HEADERS.test(name), {
            error: 'is written by Millrace itself',
          }),
        z.string().regex(/^[\t\x20-\x7e]*$/, { error: 'must be printable ASCII' }),
      )
      .default({})
      .describe('Headers of every request. `config print` hides their values.'),
    username: z.string().min(1).optional().describe('Basic authentication: the user.'),
    password: z.string().optional().describe('Basic authentication: the password; write ${env:NAME}.'),
    token: z
      .string()
      .regex(/^[\x21-\x7e]+$/, { error: 'must be printable ASCII without spaces' })
      .optional()
      .describe('Sent as `Authorization: Bearer …`; write ${env:NAME}.'),
    tls: z
      .strictObject({
        ca: pem.optional().describe("The authorities to trust in place of the system's, in PEM: `${file:./ca.crt}`."),
        cert: pem.optional().describe('Our certificate, for endpoints that ask for one, in PEM: `${file:./client.crt}`.'),
        key: pem.optional().describe('Its private key, in PEM: `${file:./client.key}`.'),
        passphrase: z.string().optional().describe('What the private key is locked with; write ${env:NAME}.'),
      })
      .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
        error: 'needs cert and key together, or neither',
        path: ['key'],
      })
      .default({})
      .describe('Certificates. The certificate of the endpoint is always verified.'),
  })
  .refine(({ username, password }) => username !== undefined || password === undefined, {
    error: 'needs username and password together',
    path: ['username'],
  })
  .refine(({ token, username }) => token === undefined || username === undefined, {
    error: 'is one of two ways: give token, or username and password',
    path: ['token'],
  })
  .refine(({ headers, token, username }) => (token ?? username) === undefined || !hasAuthorization(headers), {
    error: 'names authorization beside token or username: give one of them',
    path: ['headers'],
  })

export type HttpConfig = z.output<typeof config>

function hasReadableUser(url: string): boolean {
  const { username = '', password = '' } = URL.parse(url) ?? {}
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

function isSecret(text: string): boolean {
  const bytes = Buffer.from(SECRET.exec(text)?.[1] ?? '', 'base64').length
  return bytes >= 24 && bytes <= 64
}

function hasAuthorization(headers: Record<string, string>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')
}
