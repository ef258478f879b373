/** Debezium itself, on a real Java machine: its embedded engine, whose records come as the JSON converter writes them. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { runTool } from './install-once.ts'
import type { PostgresServer } from '../servers.ts'
import { classPathOf, findJava } from './java.ts'

/** Key and value as text of JSON. */
export type DebeziumRecord = { topic: string; key: string | null; value: string | null; headers: Record<string, string> }

/** Debezium's own property names. */
export type DebeziumProperties = Record<string, string>

export type DebeziumRun = {
  /** By a name of ours; all read at once, each from its own slot. */
  engines: Record<string, DebeziumProperties>
  /** Whether a record is the last one that an engine is waited for. */
  isLast(record: DebeziumRecord): boolean
  signal: AbortSignal
}

const POM = fileURLToPath(new URL('debezium/pom.xml', import.meta.url))
const ENGINES = fileURLToPath(new URL('debezium/Engines.java', import.meta.url))
const READ_BY_SCHEMA = fileURLToPath(new URL('debezium/ReadBySchema.java', import.meta.url))
const TO_KAFKA = fileURLToPath(new URL('debezium/ToKafka.java', import.meta.url))
const SMALL = ['-Xmx768m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']

/** How an engine reaches a server of the tests. */
export function connectorOn(
  server: Pick<PostgresServer, 'port'>,
  at: { database: string; slot: string; publication: string },
): DebeziumProperties {
  return {
    'database.hostname': '127.0.0.1',
    'database.port': String(server.port),
    'database.user': 'postgres',
    'database.password': 'none',
    'database.dbname': at.database,
    'slot.name': at.slot,
    'publication.name': at.publication,
    'publication.autocreate.mode': 'disabled',
  }
}

/** What each engine emitted, up to its last record. Throws with what Debezium said where an engine ends before. */
export async function readWithDebezium(run: DebeziumRun): Promise<Record<string, DebeziumRecord[]>> {
  const { java, env } = await findJava()
  const classPath = await classPathOf(POM)
  const folder = mkdtempSync(join(tmpdir(), 'debezium-'))
  const names = Object.keys(run.engines)
  const files = names.map((name) =>
    writeProperties(join(folder, `${name}.properties`), {
      name,
      'poll.interval.ms': '10',
      'custom.metric.tags': `engine=${name}`,
      ...run.engines[name],
    }),
  )
  const child = spawn(java, [...SMALL, '-cp', classPath, ENGINES, ...files], {
    env: { ...process.env, ...env },
    signal: run.signal,
    killSignal: 'SIGKILL',
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('error', (error) => (said += error.message))
  const records: Record<string, DebeziumRecord[]> = Object.fromEntries(names.map((name) => [name, []]))
  const missing = new Set(names)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { engine, ...record } = JSON.parse(line) as DebeziumRecord & { engine: string } // of Engines.java
      if (!missing.has(engine)) continue
      records[engine]?.push(record)
      if (run.isLast(record)) missing.delete(engine)
      if (missing.size === 0) return records
    }
    throw new Error(`Debezium ended before ${[...missing].join(', ')} had read everything:\n${said}`)
  } finally {
    child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Messages with schemas as a consumer on Kafka Connect has them: each as JSON again, or `{"error"}`. */
export async function readBySchema(messages: readonly string[]): Promise<string[]> {
  const { java, env } = await findJava()
  const child = spawn(java, [...SMALL, '-cp', await classPathOf(POM), READ_BY_SCHEMA], { env: { ...process.env, ...env } })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stdin.end(messages.map((message) => `${message}\n`).join(''))
  const answers: string[] = []
  for await (const line of createInterface({ input: child.stdout })) answers.push(line)
  if (answers.length !== messages.length) throw new Error(`the reader ended: ${said}`)
  return answers
}

/** Sends what one engine reads to Kafka until `count` records are there; resolves with what it used. */
export async function sendWithDebezium(at: {
  properties: DebeziumProperties
  brokers: string
  topic: string
  count: number
}): Promise<DebeziumUsage> {
  const { java, env } = await findJava()
  const classPath = await classPathOf(POM)
  const folder = mkdtempSync(join(tmpdir(), 'debezium-'))
  const file = writeProperties(join(folder, 'engine.properties'), { name: 'engine', ...at.properties })
  const begun = performance.now()
  try {
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'
    const said = await runTool(java, ['-Xmx1g', quiet, '-cp', classPath, TO_KAFKA, file, at.brokers, at.topic, String(at.count)], env)
    const seconds = (performance.now() - begun) / 1000
    return { seconds, ...(JSON.parse(said) as Pick<DebeziumUsage, 'cpuSeconds' | 'maxRssMb'>) } // of ToKafka.java
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export type DebeziumUsage = { seconds: number; cpuSeconds: number; maxRssMb: number }

const BASE: DebeziumProperties = {
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
  'offset.storage': 'org.apache.kafka.connect.storage.MemoryOffsetBackingStore',
  'plugin.name': 'pgoutput',
  // What Kafka Connect takes where nothing else is said.
  'header.converter.class': 'org.apache.kafka.connect.storage.SimpleHeaderConverter',
}

/** The path given. */
function writeProperties(path: string, properties: DebeziumProperties): string {
  const lines = Object.entries({ ...BASE, ...properties }).map(([name, value]) => `${name}=${escape(value)}\n`)
  writeFileSync(path, lines.join(''))
  return path
}

/** A value of a Java properties file: ASCII, a backslash doubled. */
function escape(value: string): string {
  return value.replace(/[\\\s]|[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
