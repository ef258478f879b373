import { expect, test } from 'vitest'
import { topicName } from './topic-name.ts'

test('what Kafka takes stays as it is', () => {
  for (const name of ['public.orders', 'shop.public.a_b-C9', 'x'.repeat(249)]) expect(topicName(name)).toBe(name)
})

test('names that Kafka does not take become names that it does, each its own', () => {
  const names = ['a b', 'a/b', 'a_b', 'ünï𝕔', '.', '..', '', 'x'.repeat(250), `${'x'.repeat(250)}y`, '"quoted"', 'semi;--']
  const taken = names.map(topicName)
  expect(new Set(taken).size).toBe(names.length)
  for (const name of taken) expect(name).toMatch(/^[a-zA-Z0-9._-]{1,249}$/)
})
