/** The files of a new sink, by name: small, whole, and working. */
export function newSinkFiles(name: string): Record<string, string> {
  const pascal = name.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1)
  const files = {
    'definition.ts': DEFINITION,
    'config.ts': CONFIG,
    'sink.ts': SINK,
    'errors.ts': ERRORS,
    'conformance.test.ts': CONFORMANCE,
  }
  const filled = (text: string) => text.replaceAll('__name__', name).replaceAll('__Name__', pascal).replaceAll('__camel__', camel)
  return Object.fromEntries(Object.entries(files).map(([file, text]) => [file, filled(text)]))
}

const DEFINITION = `import { resolve } from 'node:path'
import type { SinkDefinition } from '../../contracts/definition.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { config, type __Name__Config } from './config.ts'

export const definition: SinkDefinition<__Name__Config> = {
  type: '__name__',
  summary: 'Messages as lines of one file, each with its id.',
  capabilities: {
    delivery: 'at-least-once',
    shape: 'changes',
    needsKey: false,
    truncate: true,
    schemaChanges: true,
    partialUpdates: true,
    columnar: false,
    readable: false,
  },
  config,
  fromUrl: (rest) => (rest === '' ? null : { path: rest }),
  async check({ path }, { baseDir, name }) {
    const { openFile } = await import('./sink.ts')
    await (await openFile(name, resolve(baseDir, path))).close()
  },
  async open({ path }, { name, baseDir, format }) {
    if (format === null) throw new MillraceError('BUG', { reason: \`the sink \${name} was opened without a format\` })
    const { open__Name__ } = await import('./sink.ts')
    return open__Name__({ name, path: resolve(baseDir, path), format })
  },
}
`

const CONFIG = `import { z } from 'zod'
import { formatSchema } from '../../lib/format-schema.ts'

export const config = z.strictObject({
  path: z.string().min(1).describe('The file that messages are appended to.'),
  format: formatSchema(),
})

export type __Name__Config = z.infer<typeof config>
`

const SINK = `import { open, type FileHandle } from 'node:fs/promises'
import type { Batch } from '../../contracts/batch.ts'
import type { Format } from '../../contracts/format.ts'
import type { Sink } from '../../contracts/sink.ts'
import { orAborted } from '../../lib/or-aborted.ts'
import { messageId, messagesOf } from '../../messages/messages-of.ts'
import { __camel__Error, type Place } from './errors.ts'

export type __Name__Options = { name: string; path: string; format: Format; append?: typeof appendTo }

/**
 * Appends each message as a line, with an id by which a reader can drop what comes again.
 *
 * At least once: \`write\` appends and \`flush\` syncs, and only what was flushed is called durable. It keeps no record: after a crash everything
 * since the last checkpoint is written again, behind what was written already.
 */
export async function open__Name__({ name, path, format, append = appendTo }: __Name__Options): Promise<Sink> {
  const file = await openFile(name, path)
  const told = <T>(act: Promise<T>): Promise<T> => orTold(act, { sink: name, path })

  return {
    async resume() {
      return null
    },
    async write(batch, signal) {
      await orAborted(told(append(file, linesOf(format, batch))), signal)
      return 'accepted'
    },
    async flush(signal) {
      await orAborted(told(file.datasync()), signal)
    },
    async [Symbol.asyncDispose]() {
      await file.close()
    },
  }
}

/** Ready to be appended to. */
export function openFile(sink: string, path: string): Promise<FileHandle> {
  return orTold(
    open(path, 'a+').then(async (file) => {
      await cutTornLine(file)
      return file
    }),
    { sink, path },
  )
}

async function orTold<T>(act: Promise<T>, place: Place): Promise<T> {
  try {
    return await act
  } catch (error) {
    throw __camel__Error(error, place)
  }
}

function linesOf(format: Format, batch: Batch): string {
  let lines = ''
  for (const placed of messagesOf(format, batch)) lines += \`\${JSON.stringify({ id: messageId(placed), ...placed.message })}\\n\`
  return lines
}

function appendTo(file: FileHandle, lines: string): Promise<void> {
  return file.appendFile(lines)
}

/** A crash may leave half a line. What it said was not durable, and comes again: behind a whole line. */
async function cutTornLine(file: FileHandle): Promise<void> {
  const bytes = await file.readFile()
  const end = bytes.lastIndexOf(10) + 1
  if (end < bytes.length) await file.truncate(end)
}
`

const ERRORS = `import { MillraceError } from '../../errors/millrace-error.ts'

export type Place = { sink: string; path: string }

/** Any failure as an error of the table: its kind decides whether it is tried again or a person is asked. */
export function __camel__Error(error: unknown, { sink, path }: Place): MillraceError {
  if (error instanceof MillraceError) return error
  const { code, message } = error as NodeJS.ErrnoException // the file system throws nothing else
  switch (code) {
    case 'ENOSPC':
      return new MillraceError('SINK_DISK_FULL', { sink, path }, { cause: error })
    case 'ENOENT':
      return new MillraceError('SINK_PATH_MISSING', { sink, path }, { cause: error })
    case 'EISDIR':
      return new MillraceError('SINK_PATH_IS_FOLDER', { sink, path }, { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new MillraceError('SINK_NOT_WRITABLE', { sink, path, reason: code }, { cause: error })
    default:
      return new MillraceError('SINK_IO', { sink, path, reason: message }, { cause: error })
  }
}
`

const CONFORMANCE = `import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { createFaultGate } from '../../testing/fault-gate.ts'
import { sinkConformance, type ReadMessage, type SinkPlace } from '../../testing/sink-conformance.ts'
import { definition } from './definition.ts'
import { open__Name__ } from './sink.ts'

describe('the sink __name__ conforms', () => {
  for (const { title, run } of sinkConformance({ name: '__name__', capabilities: definition.capabilities, place })) test(title, run)
})

async function place(): Promise<SinkPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-__name__-'))
  const path = join(folder, 'messages')
  const gate = createFaultGate()
  return {
    open: ({ name, format }) => {
      if (format === null) throw new TypeError('the suite gives a format')
      return open__Name__({ name, path, format, append: (file, lines) => gate.pass(() => file.appendFile(lines)) })
    },
    messages: async () => {
      const lines = (await readFile(path, 'utf8')).split('\\n').slice(0, -1)
      return lines.map((line) => JSON.parse(line) as ReadMessage) // as the sink wrote them
    },
    ownTopic: 'own',
    disturb: gate.disturb,
    remove: () => rm(folder, { recursive: true }),
  }
}
`
