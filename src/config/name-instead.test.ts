import { expect, test } from 'vitest'
import { createFormat } from './create-format.ts'
import { resolveConfig } from './load-config.ts'

test('a pasted connector’s properties are answered one by one: where each belongs, or that it is not needed', async () => {
  const properties = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'database.hostname': 'db',
    'slot.name': 'debezium',
    'table.include.list': 'public.users',
    'transforms.unwrap.add.fields': 'op',
    'debezium.format.schemas.enable': 'false',
    'decimal.handling.mode': 'string',
    'decimal.handling.mod': 'string',
  }
  const said = [
    'is said by the pipeline: leave it out',
    'write it into `source.url`',
    'write `source.slot`',
    'write `source.tables`',
    'is an option of the format `debezium-flat`',
    'write it without `debezium.source.`',
    'did you mean decimal.handling.mode?',
  ]
  const config = { name: 'shop', source: { type: 'postgres', url: 'postgres://db/shop' }, sinks: [{ type: 'stdout', format: { type: 'debezium', ...properties } }] } // prettier-ignore
  for (const attempt of [createFormat('debezium', properties), resolveConfig(config, { baseDir: '.' })]) {
    const error: unknown = await attempt.catch((reason: unknown) => reason)
    const { findings } = error as { findings: readonly { message: string }[] } // an error of the table
    for (const [at, words] of said.entries()) expect(findings[at]?.message).toContain(words)
    expect(findings).toHaveLength(said.length)
  }
})
