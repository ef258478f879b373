import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { config, type HttpConfig } from './config.ts'
import { createRequestEncoder } from './encode-request.ts'
import type { Outgoing } from './outgoing.ts'

const url = 'https://hooks.example/in'
const first = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const second = `whsec_${Buffer.alloc(32, 2).toString('base64')}`

function outgoing(id: string, message: Partial<Outgoing['message']> = {}): Outgoing {
  const whole = { topic: null, key: null, value: `{"of":"${id}"}`, headers: null, ...message }
  return { id, message: whole, text: whole.value ?? 'null', bytes: 1, table: 'public.users', position: id }
}

function encode(settings: Partial<HttpConfig>, ...messages: Outgoing[]) {
  return createRequestEncoder(config.parse({ url, ...settings }))(messages, Date.now())
}

describe('a signature', () => {
  test('is what the Standard Webhooks library verifies, by each of several secrets', () => {
    const { headers, body } = encode({ secrets: [first, second] }, outgoing('a', { value: '"Grüße 🚀"' }), outgoing('b'))
    for (const secret of [first, second]) expect(new Webhook(secret).verify(body, headers)).toEqual(['Grüße 🚀', { of: 'b' }])
    expect(() => new Webhook(first).verify(`${body} `, headers)).toThrow()
    expect(() => new Webhook(`whsec_${Buffer.alloc(24, 3).toString('base64')}`).verify(body, headers)).toThrow()
    expect(() => new Webhook(first).verify(body, { ...headers, 'webhook-id': 'another' })).toThrow()
  })

  test('is that of the library, to the byte', () => {
    const { headers, body } = encode({ secrets: first }, outgoing('a'))
    const at = new Date(Number(headers['webhook-timestamp']) * 1000)
    expect(headers['webhook-signature']).toBe(new Webhook(first).sign('a', at, `[${JSON.stringify({ of: 'a' })}]`))
    expect(body).toBe('[{"of":"a"}]')
  })

  test('is left out without a secret; the id is not', () => {
    const { headers } = encode({}, outgoing('a'))
    expect(headers).toMatchObject({ 'webhook-id': 'a', 'idempotency-key': 'a' })
    expect(headers).not.toHaveProperty('webhook-signature')
  })
})

describe('the id of a request', () => {
  const idOf = (...ids: string[]) => encode({}, ...ids.map((id) => outgoing(id))).headers['webhook-id']

  test('is equal for equal messages and another for others', () => {
    expect(idOf('a', 'b', 'c')).toBe(idOf('a', 'b', 'c'))
    expect(new Set([idOf('a'), idOf('a', 'b'), idOf('a', 'c'), idOf('a', 'b', 'c'), idOf('ab'), idOf('b', 'a')]).size).toBe(6)
  })

  test('holds no full stop, which parts what is signed', () => expect(idOf('a', 'b')).not.toContain('.'))
})

describe('one message a request', () => {
  test('has its headers, topic and key as headers, in letters that a header may hold', () => {
    const message = {
      topic: 'shop.public.users',
      key: '{"id":"ü%"}',
      headers: { 'content-type': 'text/x', 'ce-subject': 'Grüße', 'a b': 'x\r\ny' },
    }
    const { headers, body } = encode({ body: 'single' }, outgoing('a', message))
    expect(headers).toMatchObject({
      'content-type': 'text/x',
      'ce-subject': 'Gr%C3%BC%C3%9Fe',
      'a%20b': 'x%0D%0Ay',
      'millrace-topic': 'shop.public.users',
      'millrace-key': '{"id":"%C3%BC%25"}',
    })
    expect(body).toBe('{"of":"a"}')
  })

  test('is `null` where it is a tombstone', () => expect(encode({ body: 'single' }, outgoing('a', { value: null })).body).toBe('null'))
})

test.each<[Partial<HttpConfig>, string | undefined]>([
  [{ token: 'abc' }, 'Bearer abc'],
  [{ username: 'ada', password: 'p:ü' }, `Basic ${Buffer.from('ada:p:ü').toString('base64')}`],
  [{ url: 'https://ada:p%40ss@hooks.example/in' }, `Basic ${Buffer.from('ada:p@ss').toString('base64')}`],
  [{ headers: { Authorization: 'Key 1' } }, 'Key 1'],
  [{}, undefined],
])('%o lets us in by %s', (settings, expected) => expect(encode(settings, outgoing('a')).headers.authorization).toBe(expected))

test("the user's headers stand above those of a format, and below none", () => {
  const { headers } = encode(
    { body: 'single', headers: { 'Content-Type': 'application/cloudevents+json' } },
    outgoing('a', { headers: { 'content-type': 'x/y' } }),
  )
  expect(headers['content-type']).toBe('application/cloudevents+json')
  expect(Object.keys(headers).filter((name) => name.toLowerCase() === 'content-type')).toHaveLength(1)
})
