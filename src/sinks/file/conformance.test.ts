import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Change } from '../../contracts/change.ts'
import type { Format } from '../../contracts/format.ts'
import { valueLines } from '../../messages/message-lines.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { tableFolder } from '../../lib/table-folder.ts'
import { config } from './config.ts'
import { definition } from './definition.ts'

describe('the sink file conforms', () => {
  for (const { title, run } of sinkConformance({ name: 'file', capabilities: definition.capabilities, place })) test(title, run)
})

describe('the sink file conforms with a format that tells more than changes', () => {
  for (const { title, run } of sinkConformance({ name: 'file', capabilities: definition.capabilities, place: placeOfTelling })) {
    test(title, run)
  }
})

async function place(): Promise<SinkPlace> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  return {
    open: (context) => definition.open(config.parse({ path: join(root, 'out') }), context),
    lines: (table) => linesIn(join(root, 'out', tableFolder(table))),
    remove: () => rm(root, { recursive: true }),
  }
}

async function linesIn(folder: string): Promise<string[]> {
  const texts = await Promise.all((await readdir(folder)).sort().map((file) => readFile(join(folder, file), 'utf8')))
  return texts.join('').split('\n').slice(0, -1)
}

/** What is told besides lies there once, whatever died: it is looked for wherever the lines of changes are. */
async function placeOfTelling(): Promise<SinkPlace> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  const out = join(root, 'out')
  return {
    open: (context) => definition.open(config.parse({ path: out }), { ...context, format: createTelling() }),
    lines: async (table) => {
      const ended = existsSync(join(out, 'messages')) ? await linesIn(join(out, 'messages')) : []
      const lines = await linesIn(join(out, tableFolder(table)))
      expect(lines[0]).toContain(TOLD)
      const told = [...lines, ...ended].filter((line) => line.includes(TOLD))
      expect(new Set(told).size).toBe(told.length)
      return lines.filter((line) => !line.includes(TOLD))
    },
    remove: () => rm(root, { recursive: true }),
  }
}

const TOLD = '"told"'

/** Every control and every end of a batch is a line of its own, and every change is two. */
function createTelling(): Format {
  const plain = createPlainFormat()
  const told = (...parts: (string | number)[]) => ({ topic: null, key: null, value: JSON.stringify(['told', ...parts]), headers: null })
  const placeOf = (change: Change) => told(change.op === 'message' ? change.position : change.tx.position, change.ordinal)
  return {
    ...plain,
    control: ({ event, end }) => [told(event, end)],
    after: ({ end }) => [told('after', end)],
    lines: valueLines,
    change: (change) => [...plain.change(change), placeOf(change)],
    changeLine: (change) => plain.changeLine(change) + valueLines([placeOf(change)]),
  }
}
