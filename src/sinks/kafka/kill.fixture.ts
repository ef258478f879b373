/**
 * A process that writes known changes to Kafka and is killed meanwhile: change n, of key n modulo the keys, from where the sink says that
 * it is. Starts again on what passes, as the pipeline does, and ends once all of them are durable.
 */
import type { Batch } from '../../contracts/batch.ts'
import type { MillraceError } from '../../errors/millrace-error.ts'
import type { Format } from '../../contracts/format.ts'
import { insertOf, positionAt, userRow, usersTable } from '../../testing/fixtures.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import type { KafkaConfig } from './config.ts'
import { openSink } from './sink.fixture.ts'

const { settings, total, perBatch, keys } = JSON.parse(process.argv[2] ?? '') as {
  settings: KafkaConfig
  total: number
  perBatch: number
  keys: number
}
const users = usersTable()
const signal = new AbortController().signal
const format: Format = {
  ...createPlainFormat(),
  change: (change) => {
    const n = change.op === 'insert' ? Number(change.after[0]) : -1
    return [{ topic: null, key: `key ${n % keys}`, value: String(n), headers: { n: String(n) } }]
  },
}

/** The changes of numbers `from` to `from + perBatch`, of which the position tells the last. */
function batchFrom(from: number): Batch {
  const to = Math.min(total, from + perBatch)
  const tx = { position: positionAt(to), xid: 1, commitTimeUs: 0 }
  const changes = Array.from({ length: to - from }, (_, ordinal) => ({ ...insertOf(users, userRow(from + ordinal)), ordinal, tx }))
  return {
    kind: 'changes',
    log: '',
    audience: null,
    carry: '',
    changes,
    end: positionAt(to),
    bytes: 100 * changes.length,
    betweenTransactions: true,
  }
}

const numberOf = (position: string | undefined): number => (position === undefined ? 0 : Number.parseInt(position, 16) / 256)

async function writeRest(): Promise<void> {
  const { sink, record } = await openSink(settings, format)
  try {
    process.stdout.write(`opened at ${numberOf(record?.position)}\n`)
    for (let from = numberOf(record?.position); from < total; from += perBatch) {
      await sink.write(batchFrom(from), signal)
      process.stdout.write(`${from + perBatch}\n`)
    }
  } finally {
    await sink[Symbol.asyncDispose]()
  }
}

for (;;) {
  try {
    await writeRest()
    process.exit(0)
  } catch (error) {
    const { kind, code, message } = error as MillraceError // of the sink
    process.stdout.write(`failed ${code} ${message}\n`)
    if (kind !== 'transient') process.exit(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
