import { expect, test } from 'vitest'
import { config } from './config.ts'

const url = 'https://hooks.example/in'
const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'

test.each([
  [{ url: 'ftp://x/y' }, 'url'],
  [{ url: 'hooks.example' }, 'url'],
  [{ url: 'https://ada:100%@hooks.example' }, 'url'],
  [{ secrets: 'whsec_c2hvcnQ=' }, 'secrets'],
  [{ secrets: secret.slice(6) }, 'secrets'],
  [{ secrets: [] }, 'secrets'],
  [{ headers: { 'Webhook-Id': 'x' } }, 'headers.Webhook-Id'],
  [{ headers: { 'Content-Length': '1' } }, 'headers.Content-Length'],
  [{ headers: { 'a b': 'x' } }, 'headers.a b'],
  [{ headers: { a: 'x\r\ny: z' } }, 'headers.a'],
  [{ username: 'a', token: 't' }, 'token'],
  [{ password: 'p' }, 'username'],
  [{ token: 't', headers: { Authorization: 'x' } }, 'headers'],
  [{ tls: { cert: pem } }, 'tls.key'],
  [{ tls: { ca: './ca.crt' } }, 'tls.ca'],
  [{ body: 'lines' }, 'body'],
  [{ concurrency: 0 }, 'concurrency'],
])('%o is refused at %s, and no value of it is told', (settings, path) => {
  const { error } = config.safeParse({ url, ...settings })
  expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path)
  expect(JSON.stringify(error?.issues)).not.toMatch(/c2hvcnQ|AQEB/)
})

test('takes one secret or several, and a whole set of certificates', () => {
  expect(config.parse({ url, secrets: [secret, secret], tls: { ca: pem, cert: pem, key: pem } })).toMatchObject({
    body: 'batch',
    concurrency: 1,
  })
})
