import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SinkState } from '../../contracts/sink.ts'
import { batchOf, insertOf, messageAt, positionAt, rowsAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { checkFolder } from './check.ts'
import { fileSystem, type FileSystem } from './file-system.ts'
import { openFile, type FileOptions } from './sink.ts'

const users = usersTable()
const { signal } = new AbortController()
let root: string
let state: SinkState

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-file-'))
  state = createMemorySinkState()
})
afterEach(() => rm(root, { recursive: true }))

function open(options: Partial<FileOptions> = {}) {
  return openFile({ name: 'file', root, format: createPlainFormat(), rollSize: 1024 ** 2, rollAfterMs: 60_000, state, ...options })
}

const oneRow = (at: number) => batchOf(at, insertOf(users, userRow(at)))
const files = async (folder = 'public.users') => (await readdir(join(root, folder))).sort()
const linesIn = async (file: string, folder = 'public.users') => (await readFile(join(root, folder, file), 'utf8')).split('\n').length - 1

describe('segments', () => {
  test('are named by the position of their first line, and grow', async () => {
    await using sink = open()
    await sink.resume()
    for (const at of [1, 2, 3]) await sink.write(oneRow(at), signal)
    await sink.flush(signal)
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`])
    expect(await linesIn(`${positionAt(1)}.ndjson`)).toBe(3)
  })

  test('roll by size', async () => {
    await using sink = open({ rollSize: 1 })
    await sink.resume()
    for (const at of [1, 2]) await sink.write(oneRow(at), signal)
    await sink.write(rowsAt(2, { table: users, chunk: 'c', rows: [userRow(9)] }), signal)
    await sink.flush(signal)
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`, `${positionAt(2)}.ndjson`, `${positionAt(2)}_0001.ndjson`])
  })

  test('roll by age, also after a restart', async () => {
    let nowMs = Date.now()
    const first = open({ now: () => nowMs })
    await first.resume()
    for (const at of [1, 2]) await first.write(oneRow(at), signal)
    await first.flush(signal)
    await first[Symbol.asyncDispose]()
    await using second = open({ now: () => nowMs })
    await second.resume()
    await second.write(oneRow(3), signal)
    await second.flush(signal)
    nowMs += 61_000
    await second.write(oneRow(4), signal)
    await second.flush(signal)
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`, `${positionAt(4)}.ndjson`])
  })

  test('of many tables share few open files', async () => {
    let openFiles = 0
    let most = 0
    const counting: FileSystem = {
      ...fileSystem,
      open: async (...args) => {
        const handle = await fileSystem.open(...args)
        most = Math.max(most, ++openFiles)
        const close = handle.close.bind(handle)
        handle.close = () => (openFiles--, close())
        return handle
      },
    }
    const tables = Array.from({ length: 300 }, (_, at) => usersTable({ name: `t${at}`, id: at }))
    const sink = open({ fs: counting })
    await sink.resume()
    for (const at of [1, 2]) await sink.write(batchOf(at, ...tables.map((table) => insertOf(table, userRow(at)))), signal)
    await sink.flush(signal)
    await sink[Symbol.asyncDispose]()
    expect(most).toBeLessThanOrEqual(257)
    expect(openFiles).toBe(0)
    for (const { name } of tables) expect(await linesIn(`${positionAt(1)}.ndjson`, `public.${name}`)).toBe(2)
  })

  test('of logical messages lie in a folder of their own', async () => {
    await using sink = open()
    await sink.resume()
    await sink.write({ ...batchOf(1), changes: [messageAt(1)] }, signal)
    await sink.flush(signal)
    expect(await linesIn(`${positionAt(1)}.ndjson`, 'messages')).toBe(1)
  })

  test('take lines longer than a block, and characters of every width, unharmed', async () => {
    await using sink = open()
    await sink.resume()
    const words = ['a'.repeat(3_000_000), '€'.repeat(20_000), '🚀'.repeat(9000), 'é', 'x'.repeat(40_000)]
    await sink.write(batchOf(1, ...words.map((word, at) => insertOf(users, userRow(at, word)))), signal)
    await sink.flush(signal)
    const lines = (await readFile(join(root, 'public.users', `${positionAt(1)}.ndjson`), 'utf8')).split('\n')
    expect(lines).toHaveLength(words.length + 1)
    words.forEach((word, at) => expect(lines[at]!.includes(`${word.length}:${word}`)).toBe(true))
  })
})

describe('a start', () => {
  async function settled(...positions: number[]) {
    await using sink = open({ rollSize: 1 })
    await sink.resume()
    for (const at of positions) await sink.write(oneRow(at), signal)
    await sink.flush(signal)
  }

  test('cuts files back to their recorded length and removes those made since', async () => {
    await settled(1, 2)
    const last = join(root, 'public.users', `${positionAt(2)}.ndjson`)
    const { size } = await stat(last)
    await appendFile(last, 'torn')
    await writeFile(join(root, 'public.users', `${positionAt(3)}.ndjson`), 'not recorded\n')
    await mkdir(join(root, 'public.other'))
    await writeFile(join(root, 'public.other', `${positionAt(3)}.ndjson`), 'not recorded\n')
    await writeFile(join(root, 'public.users', 'notes.txt'), 'the user put this here')
    await using sink = open()
    expect(await sink.resume()).toMatchObject({ position: oneRow(2).end })
    expect((await stat(last)).size).toBe(size)
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`, `${positionAt(2)}.ndjson`, 'notes.txt'])
    expect(await files('public.other')).toEqual([])
  })

  test.each([
    ['shorter', (path: string) => truncate(path, 3)],
    ['gone', (path: string) => rm(path)],
  ])('refuses a file that is %s than what was durable', async (_, harm) => {
    await settled(1)
    await harm(join(root, 'public.users', `${positionAt(1)}.ndjson`))
    await expect(open().resume()).rejects.toMatchObject({ code: 'SINK_FILE_SHORT' })
  })

  test("refuses another kind of sink's record", async () => {
    await state.save({ position: positionAt(1), carry: '', chunks: [], data: null })
    await expect(open().resume()).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  })

  test('without a record leaves alone what another run left, and begins segments of its own', async () => {
    await settled(1, 5)
    state = createMemorySinkState()
    await using sink = open()
    expect(await sink.resume()).toBeNull()
    await sink.write(oneRow(3), signal)
    await sink.write(oneRow(9), signal)
    await sink.flush(signal)
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`, `${positionAt(5)}.ndjson`, `${positionAt(5)}_0001.ndjson`])
    expect(await linesIn(`${positionAt(5)}_0001.ndjson`)).toBe(2)
  })

  test('without a record removes what was written and never made durable, and nothing else', async () => {
    await settled(1)
    state = createMemorySinkState()
    // So small a segment that nothing is gathered: the line is in the file before any flush.
    const first = open({ rollSize: 1 })
    await first.resume()
    await first.write(oneRow(2), signal)
    await first[Symbol.asyncDispose]()
    expect(await files()).toHaveLength(2)
    await using second = open()
    expect(await second.resume()).toBeNull()
    expect(await files()).toEqual([`${positionAt(1)}.ndjson`])
    expect(await readdir(root)).toContain('.millrace-begun')
    await second.write(oneRow(2), signal)
    await second.flush(signal)
    expect(await readdir(root)).toEqual(['public.users'])
  })
})

describe('a failing disk', () => {
  type Call = 'writev' | 'datasync' | 'open' | 'mkdir'

  /** The disk does what it is asked until the fault is set. */
  function failingDisk() {
    const fault = { at: null as Call | null, code: 'EIO', syncs: [] as string[] }
    const fail = (call: Call): void => {
      if (fault.at === call) throw Object.assign(new Error(`${fault.code}: planned`), { code: fault.code, syscall: call })
    }
    const fs: FileSystem = {
      ...fileSystem,
      mkdir: (async (...args: Parameters<FileSystem['mkdir']>) => (fail('mkdir'), fileSystem.mkdir(...args))) as FileSystem['mkdir'],
      open: async (path, ...args) => {
        fail('open')
        const handle = await fileSystem.open(path, ...args)
        const [writev, datasync, sync] = [handle.writev.bind(handle), handle.datasync.bind(handle), handle.sync.bind(handle)]
        handle.writev = (async (...args: Parameters<typeof writev>) => (fail('writev'), writev(...args))) as typeof handle.writev
        handle.datasync = async () => (fail('datasync'), fault.syncs.push(String(path)), datasync())
        handle.sync = async () => (fault.syncs.push(String(path)), sync())
        return handle
      },
    }
    return { fs, fault }
  }

  test.each([
    ['writev', 'ENOSPC', 'SINK_DISK_FULL', 'transient'],
    ['writev', 'EDQUOT', 'SINK_DISK_FULL', 'transient'],
    ['writev', 'EIO', 'SINK_IO', 'transient'],
    ['datasync', 'EIO', 'SINK_IO', 'transient'],
    ['open', 'EACCES', 'SINK_NOT_WRITABLE', 'operator'],
    ['mkdir', 'EROFS', 'SINK_NOT_WRITABLE', 'operator'],
    ['mkdir', 'EEXIST', 'SINK_PATH_IS_FILE', 'operator'],
  ] as const)('that fails %s with %s is told as %s, and all is there once it works again', async (at, code, expected, kind) => {
    const { fs, fault } = failingDisk()
    const broken = open({ fs })
    await broken.resume()
    Object.assign(fault, { at, code })
    const act = async (): Promise<void> => {
      await broken.write(oneRow(1), signal)
      await broken.flush(signal)
    }
    await expect(act()).rejects.toMatchObject({ code: expected, kind })
    await broken[Symbol.asyncDispose]()
    expect(await state.load()).toBeNull()
    fault.at = null
    await using sink = open({ fs })
    await sink.resume()
    await sink.write(oneRow(1), signal)
    await sink.flush(signal)
    expect(await linesIn(`${positionAt(1)}.ndjson`)).toBe(1)
  })

  test('that takes only a part of a write is asked for the rest', async () => {
    const stingy: FileSystem = {
      ...fileSystem,
      open: async (...args) => {
        const handle = await fileSystem.open(...args)
        handle.writev = (async (pieces: readonly Uint8Array[], offset: number) => {
          const { bytesWritten } = await handle.write(pieces[0]!.subarray(0, 7), 0, 7 < pieces[0]!.length ? 7 : pieces[0]!.length, offset)
          return { bytesWritten, buffers: pieces }
        }) as typeof handle.writev
        return handle
      },
    }
    await using sink = open({ fs: stingy })
    await sink.resume()
    await sink.write(batchOf(1, insertOf(users, userRow(1)), insertOf(users, userRow(2))), signal)
    await sink.flush(signal)
    const text = await readFile(join(root, 'public.users', `${positionAt(1)}.ndjson`), 'utf8')
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as string[])[0]),
    ).toEqual(['insert', 'insert'])
  })

  test('is asked to keep the file, its folder and the folder above before anything is recorded', async () => {
    const { fs, fault } = failingDisk()
    const synced: string[][] = []
    const watched = {
      load: state.load,
      save: async (step: Parameters<SinkState['save']>[0]) => (synced.push([...fault.syncs]), state.save(step)),
    }
    await using sink = open({ fs, state: watched })
    await sink.resume()
    fault.syncs.length = 0
    await sink.write(oneRow(1), signal)
    await sink.flush(signal)
    const folder = join(root, 'public.users')
    expect(synced[0]?.toSorted()).toEqual([root, folder, join(folder, `${positionAt(1)}.ndjson`)].toSorted())
  })
})

describe('checkFolder', () => {
  test('takes a folder that is there, and one that can be made', async () => {
    await checkFolder(root, 'file')
    await checkFolder(join(root, 'a', 'b'), 'file')
    expect(await readdir(root)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('refuses at once a folder in which nothing can be made, and so does the sink', async () => {
    await expect(checkFolder('/proc/nope/below', 'file')).rejects.toMatchObject({ code: 'SINK_NOT_WRITABLE', kind: 'operator' })
    await expect(checkFolder('/proc', 'file')).rejects.toMatchObject({ fields: { sink: 'file', path: '/proc' } })
    await using sink = open({ root: '/proc/nope' })
    await expect(sink.resume()).rejects.toMatchObject({ code: 'SINK_NOT_WRITABLE', kind: 'operator' })
  })

  test('refuses a file in the place of a folder', async () => {
    await writeFile(join(root, 'taken'), '')
    await expect(checkFolder(join(root, 'taken'), 'file')).rejects.toMatchObject({ code: 'SINK_PATH_IS_FILE' })
    await expect(checkFolder(join(root, 'taken', 'below'), 'file')).rejects.toMatchObject({ code: 'SINK_PATH_IS_FILE' })
  })
})
