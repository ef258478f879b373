import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { resolveConfig } from '../../config/load-config.ts'
import { createFormat } from '../../config/create-format.ts'
import type { ConfigInput } from '../../config/schema.ts'

const guide = readFileSync(new URL('../../../docs/guides/debezium.md', import.meta.url), 'utf8')
const blocks = [...guide.matchAll(/^ *```yaml\n([\s\S]*?)^ *```/gm)].map(([, text = '']) => parse(text) as Record<string, unknown>)

test('the guide’s configuration is one', async () => {
  const config = JSON.parse(JSON.stringify(blocks[0]).replace('${env:DATABASE_URL}', 'postgres://db/shop')) as ConfigInput
  expect((await resolveConfig(config, { baseDir: '.' })).sinks[0]?.format?.change).toBeTypeOf('function')
})

test('the guide’s other format is one', async () => {
  const { type, ...options } = blocks[1]!.format as { type: string } // the guide has two
  expect((await createFormat(type, options)).change).toBeTypeOf('function')
})

test('the guide’s answers are those that are given', async () => {
  const [, answers = ''] = /```\n(sinks[\s\S]*?)```/.exec(guide) ?? []
  const lines = answers.trim().split('\n')
  const format = { type: 'debezium', 'slot.name': 'a', 'table.include.list': 'b', 'connector.class': 'c' }
  const config = { name: 'shop', source: { type: 'postgres', url: 'postgres://db/shop' }, sinks: [{ type: 'stdout', format }] }
  const error: unknown = await resolveConfig(config, { baseDir: '.' }).catch((reason: unknown) => reason)
  const { findings } = error as { findings: readonly { path: string; message: string }[] } // an error of the table
  expect(findings.map(({ path, message }) => `${path} ${message}`)).toEqual(lines)
})
