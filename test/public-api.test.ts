import { expect, test } from 'vitest'
import { importsOf, ROOT } from './source-files.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as api from '../src/index.ts'

const text = readFileSync(join(ROOT, 'src/index.ts'), 'utf8')

test('the library exports these values and no others', () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "ERRORS",
      "MillraceError",
      "UNCHANGED",
      "createFormat",
      "loadConfig",
      "messageId",
      "messageLines",
      "messagesOf",
      "openPipeline",
      "resolveConfig",
      "tableName",
      "toMillraceError",
    ]
  `)
})

test('the library exports these declarations: what goes or changes its name breaks its users', () => {
  const statements = text.split('\n').filter((line) => line.startsWith('export '))
  expect(statements).toMatchInlineSnapshot(`
    [
      "export { openPipeline, type OpenPipelineOptions } from './config/open-pipeline.ts'",
      "export { loadConfig, resolveConfig } from './config/load-config.ts'",
      "export { createFormat, type CreateFormatOptions } from './config/create-format.ts'",
      "export type { Config, ConfiguredSink } from './config/config.ts'",
      "export type { ConfigInput } from './config/schema.ts'",
      "export type { PipelineSummary } from './core/pipeline.ts'",
      "export type { PipelineEvent } from './telemetry/pipeline-event.ts'",
      "export type { PartitionedChange, PartitionKeyOf } from './sinks/kinesis/partition-key.ts'",
      "export { MillraceError, toMillraceError, type ErrorFields } from './errors/millrace-error.ts'",
      "export { ERRORS, type ErrorCode, type ErrorEntry, type ErrorKind } from './errors/table.ts'",
      "export type * from './contracts/archive.ts'",
      "export type * from './contracts/batch.ts'",
      "export type * from './contracts/change.ts'",
      "export type * from './contracts/dead-letters.ts'",
      "export type * from './contracts/definition.ts'",
      "export type * from './contracts/format.ts'",
      "export type * from './contracts/position.ts'",
      "export type * from './contracts/sink.ts'",
      "export type * from './contracts/source.ts'",
      "export type * from './contracts/state-store.ts'",
      "export type * from './contracts/transform.ts'",
      "export type { Column, LogicalType, Row, Table, Value } from './contracts/table.ts'",
      "export { tableName, UNCHANGED } from './contracts/table.ts'",
      "export { messageLines } from './messages/message-lines.ts'",
      "export { messageId, messagesOf, type PlacedMessage } from './messages/messages-of.ts'",
    ]
  `)
})

test('index.ts holds exports only', () => {
  const rest = text.split('\n').filter((line) => !/^(export (type )?[{*]|\/\*\*|$)/.test(line))
  expect(rest).toEqual([])
  expect(importsOf('src/index.ts', text).length).toBeGreaterThan(10)
})
