/** The process that writes and the broker are killed again and again; Java's consumer counts what came of it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka, type KafkaServer } from '../../../test/servers/kafka.ts'
import { until } from '../../../test/servers.ts'
import { settingsOn } from './sink.fixture.ts'

/** More by hand: `MILLRACE_KILLS=50`. */
const KILLS = Number(process.env.MILLRACE_KILLS ?? 12)
const KEYS = 97
/** Small, so that much of the time a transaction is being ended. */
const PER_BATCH = 100
const PER_LIFE = 8000

let server: KafkaServer
beforeAll(async () => void (server = await startKafka()), 600_000)
afterAll(() => server?.stop())

const PROGRAM = fileURLToPath(new URL('kill.fixture.ts', import.meta.url))
/** Where a kill falls is chance, from this: printed where the test fails. */
const seed = Number(process.env.MILLRACE_SEED ?? Math.floor(Math.random() * 1e9))

test(
  'killed under load, writer and broker, each message is there once, in order for its key and in the partition that Java would choose',
  { timeout: 60_000 + KILLS * 30_000 },
  async () => {
    const settings = settingsOn(server, { createTopics: { partitions: 5 } })
    const total = KILLS * PER_LIFE
    const random = createRandom(seed)
    const start = () => startWriter({ settings, total, perBatch: PER_BATCH, keys: KEYS })
    let writer = start()
    for (let kill = 0; kill < KILLS; kill++) {
      const goal = Math.max(writer.reached(), 0) + random() * PER_LIFE * 0.8
      await until(() => writer.reached() >= goal || writer.isOver(), 60_000, `${goal} changes (seed ${seed}): ${writer.told()}`)
      if (writer.isOver()) break
      if (kill % 4 === 3) {
        await server.halt('SIGKILL')
        await server.start()
      } else {
        await writer.kill()
        writer = start()
      }
    }
    const code = await writer.finished()
    expect(code, `seed ${seed}: ${writer.told()}`).toBe(0)

    const records = await server.reader().read(`${settings.prefix}.public.users`)
    const numbers = records.map(({ value }) => Number(value))
    expect(new Set(numbers).size, `none twice (seed ${seed})`).toBe(numbers.length)
    expect(numbers.length, `none missing (seed ${seed})`).toBe(total)
    expect(records.filter(({ partition, expected }) => partition !== expected)).toEqual([])
    const last = new Map<string, number>()
    for (const { key, value } of records) {
      expect(Number(value), `order of ${key} (seed ${seed})`).toBeGreaterThan(last.get(String(key)) ?? -1)
      last.set(String(key), Number(value))
    }
    // The kills did fall into open transactions: what they left is there, and no reader of what is committed sees it.
    const written = await server.reader().read(`${settings.prefix}.public.users`, 'uncommitted')
    expect(written.length).toBeGreaterThanOrEqual(total)
  },
)

function startWriter(argument: object) {
  let told = ''
  let reached = -1
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const onText = (text: string): void => {
    told = (told + text).slice(-2000)
    for (const line of text.split('\n')) if (/^\d+$/.test(line)) reached = Number(line)
  }
  child.stdout?.setEncoding('utf8').on('data', onText)
  child.stderr?.setEncoding('utf8').on('data', onText)
  const exited = once(child, 'exit')
  return {
    reached: () => reached,
    told: () => told,
    isOver: () => child.exitCode !== null || child.signalCode !== null,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async finished() {
      const [code] = (await exited) as [number | null]
      return code
    },
  }
}

function createRandom(start: number): () => number {
  let state = start | 0
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return (state >>> 0) / 2 ** 32
  }
}
