import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Format } from '../../contracts/format.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { valueLines } from '../../messages/message-lines.ts'
import { batchOf, insertOf, rowsAt, schemaAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { sinkConformance, type SinkPlace } from '../../testing/sink-conformance.ts'
import { definition } from './definition.ts'
import { openStdout } from './sink.ts'

const users = usersTable()
const { signal } = new AbortController()
const format = createPlainFormat()

describe('the sink stdout conforms', () => {
  for (const { title, run } of sinkConformance({ name: 'stdout', capabilities: definition.capabilities, place })) test(title, run)
})

describe('the sink stdout', () => {
  test('is durable once the stream took the lines, and writes a lone change at once', async () => {
    const { stream, text, take } = heldStream()
    const sink = openStdout({ name: 'stdout', format, stream })
    let answer: string | null = null
    const written = sink.write(batchOf(1, insertOf(users, userRow(1))), signal).then((is) => (answer = is))
    expect(text()).toContain('insert')
    await Promise.resolve()
    expect(answer).toBeNull()
    take()
    expect(await written).toBe('durable')
  })

  test('hands over a large batch in pieces, each after the one before was taken', async () => {
    const { stream, pieces } = collectingStream()
    const sink = openStdout({ name: 'stdout', format, stream })
    const rows = Array.from({ length: 20_000 }, (_, at) => userRow(at))
    await sink.write(rowsAt(1, { table: users, chunk: 'c', rows }), signal)
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('').split('\n')).toHaveLength(20_001)
  })

  test('writes what a format tells of a table before its rows, and what it tells of a batch behind them', async () => {
    const { stream, pieces } = collectingStream()
    const told = (value: string) => [{ topic: 'told', key: null, value, headers: null }]
    const telling: Format = { ...format, control: () => told('"schema"'), after: () => told('"end"') }
    const sink = openStdout({ name: 'stdout', format: telling, stream })
    for (const batch of [schemaAt(1, users), batchOf(1, insertOf(users, userRow(1)))]) await sink.write(batch, signal)
    const plain = openStdout({ name: 'stdout', format: { ...telling, lines: valueLines }, stream })
    await plain.write(schemaAt(1, users), signal)
    expect(pieces.join('').split('\n')).toEqual([
      '{"topic":"told","key":null,"value":"schema","headers":null}',
      expect.stringContaining('"insert"'),
      '{"topic":"told","key":null,"value":"end","headers":null}',
      '"schema"',
      '',
    ])
  })

  test('tells what a format cannot write as the format tells it', async () => {
    const refusing: Format = {
      ...format,
      changeLine() {
        throw new MillraceError('TEMPLATE_VALUE', { table: 'public.users', column: 'name', name: '${row.name}', template: '${row.name}' })
      },
    }
    const sink = openStdout({ name: 'stdout', format: refusing, stream: collectingStream().stream })
    await expect(sink.write(batchOf(1, insertOf(users, userRow(1))), signal)).rejects.toMatchObject({
      code: 'TEMPLATE_VALUE',
      kind: 'data',
    })
  })

  test('stops waiting for a reader that takes nothing when it is told to stop', async () => {
    const stop = new AbortController()
    const sink = openStdout({ name: 'stdout', format, stream: heldStream().stream })
    const written = sink.write(batchOf(1, insertOf(users, userRow(1))), stop.signal)
    stop.abort(new Error('stopping'))
    await expect(written).rejects.toThrow('stopping')
  })

  test.each([
    ['EPIPE', 'SINK_READER_GONE', 'operator'],
    ['ENOSPC', 'SINK_DISK_FULL', 'transient'],
    ['EIO', 'SINK_IO', 'transient'],
  ])('tells %s as %s', async (code, expected, kind) => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) })
    const sink = openStdout({ name: 'stdout', format, stream })
    await expect(sink.write(batchOf(1, insertOf(users, userRow(1))), signal)).rejects.toMatchObject({ code: expected, kind })
  })

  test('leaves the event loop free while the reader of a real pipe is slow, and ends when the reader goes', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../../../test/children/write-to-stdout.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let news = ''
    child.stderr.on('data', (data: Buffer) => (news += data.toString()))
    await waitFor(() => news.includes('still turning'))
    child.stdout.destroy()
    await once(child, 'close')
    expect(news).toContain('SINK_READER_GONE')
  })
})

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function place(): Promise<SinkPlace> {
  const { stream, pieces } = collectingStream()
  return {
    open: async (context) => openStdout({ name: context.name, format: context.format!, stream }), // the suite gives one
    lines: async (table) => {
      const lines = pieces.join('').split('\n').slice(0, -1)
      return lines.filter((line) => (JSON.parse(line) as string[])[2] === `${table.schema}.${table.name}`)
    },
    remove: async () => {},
  }
}

function collectingStream() {
  const pieces: string[] = []
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    pieces.push(chunk.toString())
    setImmediate(done)
  }
  return { pieces, stream: new Writable({ write }) }
}

/** A reader that takes only when told. */
function heldStream() {
  let text = ''
  let take = (): void => {}
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => {
    text += chunk.toString()
    take = done
  }
  return { stream: new Writable({ write }), text: () => text, take: () => take() }
}
