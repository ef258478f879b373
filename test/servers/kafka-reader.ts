/** Java's own consumer as a child process: what any reader of the cluster sees. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import type { Java } from './java.ts'

/** `expected`: the partition that Java's producer gives the key; −1 where there is none. `seenAtUs` where it was followed. */
export type KafkaRecord = {
  partition: number
  expected: number
  offset: number
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, string>
  seenAtUs: number
}

export type KafkaReader = AsyncDisposable & {
  /** Everything in a topic up to its end: what is committed, or all that was ever written. */
  read(topic: string, isolation?: 'committed' | 'uncommitted'): Promise<KafkaRecord[]>
  /** How many are committed. */
  count(topic: string): Promise<number>
  /** From its end as it is when this resolves. Nothing else can be asked then. */
  follow(topic: string, onRecord: (record: KafkaRecord) => void): Promise<void>
  /** Where Java's producer sends this key. */
  partitionOf(key: Buffer, partitions: number): Promise<number>
}

const PROGRAM = fileURLToPath(new URL('kafka/ReadTopics.java', import.meta.url))

export function openKafkaReader({ java, env, classPath, brokers }: Java & { classPath: string; brokers: string }): KafkaReader {
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=off'
  const args = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', quiet, '-cp', classPath, PROGRAM, brokers]
  const child = spawn(java, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const lines = createInterface({ input: child.stdout })
  let onLine: (line: string) => void = () => {}
  let onEnd: () => void = () => {}
  lines.on('line', (line) => onLine(line))
  child.on('exit', () => onEnd())
  let asking: Promise<unknown> = Promise.resolve()

  /** One question after the other. */
  function ask<T>(question: string, toAnswer: (line: string) => T): Promise<T[]> {
    const answer = asking.then(
      () =>
        new Promise<T[]>((resolve, reject) => {
          const answers: T[] = []
          onEnd = () => reject(new Error(`the reader ended: ${told}`))
          if (child.exitCode !== null) onEnd()
          onLine = (line) => (line === 'end' ? resolve(answers) : void answers.push(toAnswer(line)))
          child.stdin.write(`${question}\n`)
        }),
    )
    asking = answer.catch(() => {})
    return answer
  }

  return {
    read: (topic, isolation = 'committed') => ask(isolation === 'committed' ? `read ${topic}` : `read ${topic} uncommitted`, parseRecord),
    count: async (topic) => (await ask(`count ${topic}`, Number))[0] ?? 0,
    async follow(topic, onRecord) {
      await ask(`follow ${topic}`, parseRecord)
      onLine = (line) => onRecord(parseRecord(line))
    },
    async partitionOf(key, partitions) {
      const [answer] = await ask(`partition ${partitions} ${key.toString('base64')}`, Number)
      return answer ?? Number.NaN
    },
    async [Symbol.asyncDispose]() {
      process.removeListener('exit', end)
      onEnd = () => {}
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    },
  }
}

function parseRecord(line: string): KafkaRecord {
  const [partition, expected, offset, key = '-', value = '-', headers = '', seenAt] = line.split('\t')
  const pairs = headers === '' ? [] : headers.split(',').map((pair) => pair.split(':').map((text) => bytesOf(text)?.toString() ?? ''))
  return {
    partition: Number(partition),
    expected: Number(expected),
    offset: Number(offset),
    key: bytesOf(key),
    value: bytesOf(value),
    headers: Object.fromEntries(pairs) as Record<string, string>, // each pair is a name and its text
    seenAtUs: Number(seenAt),
  }
}

function bytesOf(text: string): Buffer | null {
  return text === '-' ? null : Buffer.from(text, 'base64')
}
