import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { SinkState } from '../../src/contracts/sink.ts'
import { openFile } from '../../src/sinks/file/sink.ts'
import { createLocalStore } from '../../src/sinks/parquet/local-store.ts'
import { batchOf, insertOf, positionAt, userRow, usersTable } from '../../src/testing/fixtures.ts'
import { createMemorySinkState } from '../../src/testing/memory-sink-state.ts'
import { createPlainFormat } from '../../src/testing/plain-format.ts'
import { createLossyDisk, type LossyDisk } from './lossy-disk.ts'

/** How the first life ends: the power goes; or the process alone, and the power goes at the end of the next life. */
const ENDINGS = ['the machine loses power', 'the process is killed, and the machine loses power later'] as const
type Ending = (typeof ENDINGS)[number]

const disks: LossyDisk[] = []
afterEach(() => {
  for (const { base } of disks.splice(0)) rmSync(base, { recursive: true, force: true })
})
const kept = (disk: LossyDisk) => {
  disks.push(disk)
  return disk
}

/**
 * Lets a first life end before each call that it makes of the disk, one after the other, until it makes no more of them; then lives on as
 * `ending` says. Returns how many calls there were.
 */
async function endAtEach(ending: Ending, story: () => Story): Promise<number> {
  for (let endsAt = 0; ; endsAt++) {
    const { live, judge } = story()
    let disk = kept(createLossyDisk())
    const isOver = !(await liveUntil(disk, endsAt, live))
    if (ending === 'the machine loses power') disk = kept(disk.losePower())
    disk.revive()
    await live(disk)
    disk = kept(disk.losePower())
    judge(disk)
    await live(disk)
    judge(disk)
    if (isOver) return endsAt
    for (const { base } of disks.splice(0)) rmSync(base, { recursive: true, force: true })
  }
}

type Story = { live(disk: LossyDisk): Promise<void>; judge(disk: LossyDisk): void }

const BATCHES = 4
const rootOf = (disk: LossyDisk) => join(disk.base, 'deep', 'out')

/** Two tables into files, two flushes. What lay in the folder before stays before it. */
function fileStory(before: readonly string[] = []): Story {
  const [users, others] = [usersTable(), usersTable({ name: 'others', id: 2 })]
  const { signal } = new AbortController()
  const memory = createMemorySinkState()
  return {
    async live(disk) {
      // The state store is durable by itself: but nothing is recorded by who is dead.
      const save: SinkState['save'] = async (step) => {
        if (disk.isDead) throw new Error('dead')
        await memory.save(step)
      }
      const state = { load: () => memory.load(), save }
      const options = { name: 'file', format: createPlainFormat(), rollSize: 100, rollAfterMs: 1e6 }
      await using sink = openFile({ ...options, root: rootOf(disk), state, fs: disk.fs })
      const held = await sink.resume()
      for (let at = held === null ? 1 : Number.parseInt(held.position, 16) / 256; at <= BATCHES; at++) {
        await sink.write(batchOf(at, insertOf(users, userRow(at)), insertOf(others, userRow(at))), signal)
        if (at % 2 === 0) await sink.flush(signal)
      }
    },
    judge(disk) {
      const written = Array.from({ length: BATCHES }, (_, at) => positionAt(at + 1))
      for (const folder of ['public.users', 'public.others']) {
        const places = linesOf(join(rootOf(disk), folder)).map((line) => (JSON.parse(line) as string[])[1]?.split('/')[0])
        expect(places).toEqual(folder === 'public.users' ? [...before, ...written] : written)
      }
    },
  }
}

/** A folder in which another run left a segment. */
function usedDisk(): LossyDisk {
  const base = mkdtempSync(join(tmpdir(), 'millrace-power-'))
  mkdirSync(join(base, 'deep', 'out', 'public.users'), { recursive: true })
  writeFileSync(join(base, 'deep', 'out', 'public.users', `${positionAt(0)}.ndjson`), '["insert","theirs/0"]\n')
  return kept(createLossyDisk(base))
}

/** A life that ends before a call of the disk; false where it came to its end. */
async function liveUntil(disk: LossyDisk, endsAt: number, live: Story['live']): Promise<boolean> {
  disk.revive()
  disk.endsAt = endsAt
  await live(disk).catch((error: unknown) => {
    if (!disk.isDead) throw error
  })
  return disk.isDead
}

test(
  'in a folder with files of others, killed as it says what was there, and the power goes anywhere in the next life',
  { timeout: 180_000 },
  async () => {
    let lives = 0
    for (let killedAt = 0, isBefore = true; isBefore; killedAt++) {
      for (let endsAt = 0, isDead = true; isDead && isBefore; endsAt++) {
        const { live, judge } = fileStory(['theirs'])
        const disk = usedDisk()
        await liveUntil(disk, killedAt, live)
        isBefore = !existsSync(join(rootOf(disk), 'public.others'))
        isDead = existsSync(join(rootOf(disk), '.millrace-begun')) && isBefore && (await liveUntil(disk, endsAt, live))
        const after = kept(disk.losePower())
        await live(after)
        judge(after)
        lives++
        for (const { base } of disks.splice(0)) rmSync(base, { recursive: true, force: true })
      }
    }
    expect(lives).toBeGreaterThan(100)
  },
)

describe.each(ENDINGS)('before any call of the disk %s', (ending) => {
  test('the file sink has every line once', { timeout: 180_000 }, async () => {
    expect(await endAtEach(ending, fileStory)).toBeGreaterThan(50)
  })

  test('a file of the local store that was committed is there, whole; one that was not has no name', { timeout: 180_000 }, async () => {
    const names = ['public.users/changes/a', 'public.users/changes/b', 'public.others/c']
    const calls = await endAtEach(ending, () => {
      const committed = new Set<string>()
      return {
        async live(disk) {
          const store = createLocalStore({ sink: 'lake', root: join(disk.base, 'deep', 'lake'), owner: 'shop.lake', fs: disk.fs })
          await store.sweep('public.users')
          const commit = async (name: string) => {
            if ((await store.list(dirname(name))).includes(basename(name))) return void committed.add(name)
            const file = store.create(name)
            try {
              await file.append([Buffer.from(`all of ${name}`)])
              await file.commit({})
              committed.add(name)
            } finally {
              await file.abandon()
            }
          }
          await settledAll(names.slice(0, 2).map(commit))
          await commit(names[2]!) // the last of three
        },
        judge(disk) {
          const root = join(disk.base, 'deep', 'lake')
          for (const name of committed) expect(readFileSync(join(root, name), 'utf8')).toBe(`all of ${name}`)
        },
      }
    })
    expect(calls).toBeGreaterThan(30)
  })
})

/** As Promise.all, but nothing is under way any more when it throws. */
async function settledAll(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

function linesOf(folder: string): string[] {
  if (!existsSync(folder)) return []
  const texts = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8'))
  return texts.join('').split('\n').slice(0, -1)
}
