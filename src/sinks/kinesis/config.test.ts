import { describe, expect, test } from 'vitest'
import { inputSchema } from '../../config/json-schema.ts'
import { resolveConfig } from '../../config/load-config.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

const resolved = (sink: object) =>
  resolveConfig(
    { name: 'shop', source: { type: 'postgres', url: 'postgres://localhost/shop' }, sinks: [{ type: 'kinesis', stream: 'shop', ...sink }] },
    { baseDir: '/', env: {} },
  )

describe('the configuration of a Kinesis sink', () => {
  test('takes a function for the partition key as it is', async () => {
    const partitionKey = () => 'one'
    const { sinks } = await resolved({ partitionKey })
    expect(sinks[0]?.config).toMatchObject({ partitionKey })
  })

  test.each([
    [{ partitionKey: '${tabel}' }, /sinks\[0\]\.partitionKey .*table/],
    [{ partitionKey: 7 }, /sinks\[0\]\.partitionKey must be a template/],
    [{ partitionKey: '' }, /sinks\[0\]\.partitionKey must be a template/],
    [{ stream: 'a stream' }, /sinks\[0\]\.stream must be a stream's name, or its ARN/],
    [{ accessKeyId: 'a' }, /sinks\[0\]\.secretAccessKey needs/],
    [{ endpoint: 'localhost:4566' }, /sinks\[0\]\.endpoint must be an address/],
  ])('tells what is wrong with %o', async (sink, message) => {
    await expect(resolved(sink)).rejects.toThrow(message)
  })

  test('is text in the JSON Schema, with what it is for', () => {
    expect(inputSchema(config).properties?.partitionKey).toMatchObject({
      type: 'string',
      default: '${key}',
      description: expect.stringContaining('shard'),
    })
  })

  test.each([
    ['shop', 'shop'],
    ['//shop', 'shop'],
    ['arn:aws:kinesis:eu-north-1:123456789012:stream/shop', 'arn:aws:kinesis:eu-north-1:123456789012:stream/shop'],
  ])('is named kinesis:%s on the command line', (rest, stream) => {
    expect(definition.fromUrl(rest, 'kinesis')).toEqual({ stream })
    expect(config.safeParse({ stream }).success).toBe(true)
  })

  test('is not named by nothing', () => {
    expect(definition.fromUrl('', 'kinesis')).toBeNull()
  })

  test('tells how to look at what was written, quoted for the shell', () => {
    const settings = config.parse({ stream: 'shop', region: 'eu-north-1', endpoint: "http://localhost:4566/it's" })
    const place = definition.place?.(settings, { pathOf: (path) => path, table: { schema: 'public', name: 'users' } })
    expect(place?.where).toBe('the stream shop')
    expect(place?.query).toContain('--stream-name shop')
    expect(place?.query).toContain(`--region eu-north-1 --endpoint-url ${shellQuote("http://localhost:4566/it's")}`)
  })
})
