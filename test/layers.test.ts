import { expect, test } from 'vitest'
import { importsOf, isTest, sourceFiles, targetOf, type SourceFile } from './source-files.ts'

/** Who may import whom: ARCHITECTURE.md's table. A layer may always import itself; `type:` allows types only. */
const ALLOWED: Record<string, readonly string[]> = {
  errors: [],
  lib: [],
  contracts: ['type:errors'],
  telemetry: ['type:contracts', 'type:errors'],
  values: ['contracts', 'errors', 'lib'],
  codecs: ['contracts', 'errors', 'lib', 'values'],
  messages: ['contracts', 'errors', 'lib', 'values', 'codecs'],
  formats: ['contracts', 'errors', 'lib', 'values', 'messages'],
  transforms: ['contracts', 'errors', 'lib', 'values'],
  core: ['contracts', 'errors', 'lib', 'values', 'telemetry'],
  sources: ['contracts', 'errors', 'lib', 'values', 'codecs'],
  sinks: ['contracts', 'errors', 'lib', 'values', 'codecs', 'messages'],
  state: ['contracts', 'errors', 'lib', 'values', 'codecs'],
  testing: ['contracts', 'errors', 'lib', 'values', 'codecs', 'messages', 'telemetry'],
  'registry.ts': ['contracts', 'sources', 'sinks', 'formats', 'transforms'],
  config: ['*'],
  daemon: ['*'],
  cli: ['*'],
  'index.ts': ['*'],
}

/** Layers whose folders do not know each other. */
const SIBLINGS = ['sources', 'sinks', 'formats', 'transforms', 'state']

/** A client library is imported by the one file made for it, and only where it is used. */
const CLIENTS: Record<string, RegExp> = {
  '@duckdb/node-api': /^src\/sinks\/duckdb\/client\.ts$/,
  '@aws-sdk/client-kinesis': /^src\/sinks\/kinesis\/client\.ts$/,
  '@aws-sdk/client-s3': /^src\/sinks\/parquet\/client\.ts$/,
  '@platformatic/kafka': /^src\/sinks\/kafka\/client\.ts$/,
  undici: /^src\/sinks\/http\/client\.ts$/,
  'node:sqlite': /^src\/state\/sqlite\//,
  commander: /^src\/cli\/|^scripts\//,
  'pino-pretty': /^src\/cli\/log\.ts$/,
}

const files = sourceFiles('src').filter((file) => !isTest(file.path))

test('every import goes to a layer that may be imported', () => {
  expect(files.flatMap(layerFaults)).toEqual([])
})

test('sources, sinks, formats and transforms do not know their siblings', () => {
  expect(files.flatMap(siblingFaults)).toEqual([])
})

test('a client library is imported only by the file that is there for it, and types of it nowhere else but in tests', () => {
  const faults = files.flatMap((file) =>
    file.imports
      .filter(({ from, isType }) => CLIENTS[from] && !isType && !CLIENTS[from].test(file.path))
      .map(({ from }) => `${file.path} imports ${from}`),
  )
  expect(faults).toEqual([])
})

test('relative imports name the file with its ending', () => {
  const faults = files.flatMap((file) =>
    file.imports.filter(({ from }) => from.startsWith('.') && !/\.(ts|json)$/.test(from)).map(({ from }) => `${file.path}: ${from}`),
  )
  expect(faults).toEqual([])
})

test('the rules find a fault where there is one', () => {
  const file = (path: string, text: string): SourceFile => ({ path, text, imports: importsOf(path, text) })
  expect(layerFaults(file('src/core/x.ts', `import { a } from '../sources/postgres/source.ts'`))).toHaveLength(1)
  expect(layerFaults(file('src/contracts/x.ts', `import { a } from '../errors/table.ts'`))).toHaveLength(1)
  expect(layerFaults(file('src/contracts/x.ts', `import type { a } from '../errors/table.ts'`))).toEqual([])
  expect(layerFaults(file('src/sinks/a/x.ts', `export const x = () => import('../../core/pipeline.ts')`))).toHaveLength(1)
  expect(siblingFaults(file('src/sinks/a/x.ts', `export { b } from '../b/y.ts'`))).toHaveLength(1)
})

function layerFaults(file: SourceFile): string[] {
  const layer = layerOf(file.path)
  const allowed = ALLOWED[layer]
  if (!allowed) return [`${file.path} is in no known layer`]
  return file.imports.flatMap((each) => {
    const target = targetOf(file, each)
    if (target === null) return []
    const to = layerOf(target)
    if (to === layer || allowed.includes('*') || allowed.includes(to) || (each.isType && allowed.includes(`type:${to}`))) return []
    return [`${file.path} (${layer}) imports ${target} (${to})`]
  })
}

function siblingFaults(file: SourceFile): string[] {
  const [, layer = '', folder] = file.path.split('/')
  if (!SIBLINGS.includes(layer)) return []
  return file.imports.flatMap((each) => {
    const target = targetOf(file, each)
    const [, otherLayer, otherFolder] = target?.split('/') ?? []
    return target !== null && otherLayer === layer && otherFolder !== folder && otherFolder?.includes('.') === false
      ? [`${file.path} imports ${target}`]
      : []
  })
}

/** `src/core/merge.ts` → core; `src/index.ts` → index.ts. */
function layerOf(path: string): string {
  return path.split('/')[1] ?? path
}
