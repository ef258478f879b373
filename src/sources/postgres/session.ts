import { setTimeout as delay } from 'node:timers/promises'
import { MillraceError } from '../../errors/millrace-error.ts'
import { quoteIdentifier } from './catalogue-sql.ts'
import { connect, destroyConnection, hangUp, serverVersionOf, type Connection } from './connection.ts'
import { toSourceError, type ErrorPlace } from './errors.ts'
import { gulpingCopyBoth, type CopyBoth } from './gulping-copy.ts'
import { positionToLsn } from './lsn.ts'
import type { SourceAddress } from './source-url.ts'
import { createStatus, NOTHING, statusMessage, type Status } from './status.ts'

/** What one walsender session is asked for. */
export type SessionOptions = {
  url: SourceAddress
  slot: string
  publications: readonly string[]
  /** 16 hexadecimal digits. */
  from: string
  /** Everything durable so far; null where nothing is known. */
  acknowledged: string | null
  /** How long a slot that another process reads is waited for. */
  slotWaitMs: number
  /** Open already, by `connect` with `replication` and `gulp`: the one that made a temporary slot, which nobody else can read. */
  walsender?: Connection
  /** Called with the walsender before it takes the slot. */
  remember(walsender: Connection): Promise<void>
}

export type SessionEvents = {
  data(chunk: Buffer): void
  failed(error: MillraceError): void
}

/** One running START_REPLICATION. Not started again after it failed or was closed. */
export type Session = Status & {
  pause(): void
  resume(): void
  /** Ends it, after what was acknowledged last has been told; no event follows. */
  close(): void
}

const GULP_BYTES = 1 << 20
const RETRY_SLOT_MS = 100

/** Connects and starts; resolves once the server has agreed to send. */
export async function openSession(options: SessionOptions, events: SessionEvents, signal: AbortSignal): Promise<Session> {
  const connection = options.walsender ?? (await connect(options.url, { replication: true, gulp: true, signal }))
  const cut = () => destroyConnection(connection)
  signal.addEventListener('abort', cut, { once: true })
  try {
    signal.throwIfAborted()
    await options.remember(connection)
    const copy = await start(connection, options, { events, signal })
    return createSession(connection, copy, options, events)
  } catch (error) {
    cut()
    throw error
  } finally {
    signal.removeEventListener('abort', cut)
  }
}

/** A slot stays active for a moment after its reader was ended: waits for it. */
async function start(
  connection: Connection,
  options: SessionOptions,
  to: { events: SessionEvents; signal: AbortSignal },
): Promise<CopyBoth> {
  const giveUpAt = Date.now() + options.slotWaitMs
  while (true) {
    try {
      return await startOnce(connection, options, to.events)
    } catch (error) {
      const failure = toSourceError(error, placeOf(options))
      if (failure.code !== 'SLOT_IN_USE') throw failure
      if (Date.now() > giveUpAt) throw failure
    }
    await delay(RETRY_SLOT_MS, undefined, { signal: to.signal })
  }
}

function startOnce(connection: Connection, options: SessionOptions, events: SessionEvents): Promise<CopyBoth> {
  const command = startCommand(options, serverVersionOf(connection))
  const copy = connection.query(gulpingCopyBoth(command, { readableHighWaterMark: GULP_BYTES }))
  return new Promise((resolve, reject) => {
    copy.once('error', reject)
    // Nothing is read, not even the answer, before somebody listens.
    copy.on('data', (chunk: Buffer) => events.data(chunk))
    // Writes wait until the server has switched to copying both ways: the first one going out says that it has.
    copy.write(statusMessage(options.acknowledged ?? NOTHING, false), (error) => {
      // The event comes after this, and without its listener it would end the process.
      if (error) return reject(error)
      copy.off('error', reject)
      resolve(copy)
    })
  })
}

/** Names as SQL literals of identifiers, quoted inside the option's own quotes. */
function startCommand({ slot, from, publications }: SessionOptions, version: number): string {
  const names = publications.map(quoteIdentifier).join(',')
  const messages = version >= 140_000 ? `, messages 'true'` : ''
  return `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${positionToLsn(from)} (proto_version '1', publication_names '${names.replaceAll("'", "''")}'${messages})`
}

function createSession(connection: Connection, copy: CopyBoth, options: SessionOptions, events: SessionEvents): Session {
  let isOver = false
  const status = createStatus((bytes) => isOver || copy.write(bytes), options.acknowledged)
  const end = () => {
    isOver = true
    copy.removeAllListeners('data')
    copy.pause()
    status.stop()
  }
  const fail = (error: unknown) => {
    if (isOver) return
    end()
    destroyConnection(connection)
    events.failed(toSourceError(error, placeOf(options)))
  }
  copy.on('error', fail)
  copy.on('end', () => fail(new MillraceError('SOURCE_LOST', { reason: 'the server ended the stream' })))
  connection.on('end', () => fail(new MillraceError('SOURCE_LOST', { reason: 'the connection was closed' })))
  return {
    pause: () => void copy.pause(),
    resume: () => void copy.resume(),
    acknowledge: status.acknowledge,
    ask: status.ask,
    answer: status.answer,
    stop: status.stop,
    close: () => {
      if (isOver) return
      status.flush()
      end()
      hangUp(connection)
    },
  }
}

function placeOf({ slot, publications, from }: SessionOptions): ErrorPlace {
  return { slot, publication: publications[0] ?? '', position: positionToLsn(from), replication: true, phase: 'stream' }
}
