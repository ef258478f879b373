/** A real Kafka of one process, the broker from Maven, on a folder of its own, gone when `stop` resolves. */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../servers.ts'
import { classPathOf, findJava, type Java } from './java.ts'
import { openKafkaReader, type KafkaReader } from './kafka-reader.ts'

export type KafkaServer = AsyncDisposable & {
  /** `host:port` of a listener: `PLAINTEXT`, or one that was asked for. */
  address(listener?: string): string
  /** Java's consumer on this server, started when it is first used. */
  reader(): KafkaReader
  start(): Promise<void>
  halt(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  stop(): Promise<void>
}

export type KafkaOptions = {
  /** Further listeners, by the name of their protocol: `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`. */
  listeners?: readonly string[]
  /** Lines of server.properties. */
  settings?: Readonly<Record<string, string>>
  /** Users of SCRAM, with their passwords. */
  users?: Readonly<Record<string, string>>
  /** Compiles less and starts sooner; off for benchmarks. */
  small?: boolean
}

const POM = fileURLToPath(new URL('kafka/pom.xml', import.meta.url))

/** The first time on a machine the broker is fetched: give it minutes. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const java = await findJava()
  const classPath = await classPathOf(POM)
  const folder = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), 'kafka-'))
  const ports = new Map<string, number>()
  for (const listener of ['CONTROLLER', 'PLAINTEXT', ...(options.listeners ?? [])]) ports.set(listener, await freePort())
  const file = join(folder, 'server.properties')
  writeFileSync(file, propertiesText({ ...brokerSettings(folder, ports), ...options.settings }))
  const command = { java, classPath, log: join(folder, 'broker.log'), small: options.small ?? true }
  const users = Object.entries(options.users ?? {}).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  )
  await finished(command, ['kafka.tools.StorageTool', 'format', '-t', randomBytes(16).toString('base64url'), '-c', file, ...users])
  const address = (listener = 'PLAINTEXT') => `127.0.0.1:${ports.get(listener)}`
  let child: ChildProcess | null = null
  let reader: KafkaReader | null = null
  const end = () => child?.kill('SIGKILL')
  process.once('exit', end)

  async function start(): Promise<void> {
    child = run(command, ['kafka.Kafka', file])
    await until(async () => (mustRun(child, command.log), answers(ports.get('PLAINTEXT') ?? 0)), 60_000, 'Kafka')
  }

  async function halt(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    if (child && child.exitCode === null && child.signalCode === null && child.kill(signal)) await once(child, 'exit')
  }

  async function stop(): Promise<void> {
    process.removeListener('exit', end)
    await reader?.[Symbol.asyncDispose]()
    await halt()
    rmSync(folder, { recursive: true, force: true })
  }

  await start()
  return {
    address,
    reader: () => (reader ??= openKafkaReader({ ...java, classPath, brokers: address() })),
    start,
    halt,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function brokerSettings(folder: string, ports: ReadonlyMap<string, number>): Record<string, string> {
  const listeners = [...ports].map(([name, port]) => `${name}://127.0.0.1:${port}`)
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.get('CONTROLLER')}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [...ports.keys()].map((name) => `${name}:${name === 'CONTROLLER' ? 'PLAINTEXT' : name}`).join(','),
    listeners: listeners.join(','),
    'advertised.listeners': listeners.filter((each) => !each.startsWith('CONTROLLER')).join(','),
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // What a dead writer left open is undone soon after its time.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  }
}

type Command = { java: Java; classPath: string; log: string; small: boolean }

function run({ java, classPath, log, small }: Command, args: readonly string[]): ChildProcess {
  const out = openSync(log, 'a')
  const machine = ['-Xms64m', small ? '-Xmx384m' : '-Xmx1g', '-XX:+UseSerialGC', ...(small ? ['-XX:TieredStopAtLevel=1'] : [])]
  const level = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
  return spawn(java.java, [...machine, level, '-cp', classPath, ...args], {
    env: { ...process.env, ...java.env },
    stdio: ['ignore', out, out],
  })
}

async function finished(command: Command, args: readonly string[]): Promise<void> {
  const [code] = (await once(run(command, args), 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${args[0]} failed:\n${readFileSync(command.log, 'utf8')}`)
}

function mustRun(child: ChildProcess | null, log: string): void {
  if (child?.exitCode === null || child === null) return
  throw new Error(`Kafka did not start:\n${readFileSync(log, 'utf8').slice(-4000)}`)
}

/** Whether somebody listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
