import type { Batch } from '../contracts/batch.ts'
import type { Format } from '../contracts/format.ts'
import type { Sink, SinkCapabilities } from '../contracts/sink.ts'
import { MillraceError } from '../errors/millrace-error.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { messageId, messagesOf } from '../messages/messages-of.ts'
import { createFaultGate } from './fault-gate.ts'
import type { ReadMessage, SinkPlace, SinkSubject } from './sink-subject.ts'

/** A sink of messages, at least once, into a log in memory with two partitions: as Kafka's, Kinesis' and HTTP's are used. */
export const LOG_CAPABILITIES: SinkCapabilities = {
  delivery: 'at-least-once',
  shape: 'changes',
  needsKey: false,
  truncate: true,
  schemaChanges: true,
  partialUpdates: true,
  columnar: false,
  readable: false,
}

/** One thing done wrong. */
export type LogWrong = {
  message?(message: ReadMessage, nth: number): ReadMessage | null
  partition?(message: ReadMessage, nth: number): number
  /** Leaves out what the format says of controls and at the end of batches. */
  changesOnly?: boolean
  /** Durable with what was only handed over. */
  flushesNothing?: boolean
  /** Takes what lies before its furthest for something that it has. */
  dropsLate?: boolean
  /** At its start it sends again all that was ever sent. */
  sendsAllAgain?: boolean
  /** What the store says when it fails is not told. */
  hidesFailures?: boolean
  /** What the store says when it fails is told as it came. */
  foreignErrors?: boolean
  /** Waits on where it is told to stop. */
  ignoresStop?: boolean
  /** Sends to the store out of turn. */
  reorders?: boolean
}

type Store = {
  partitions: ReadMessage[][]
  gate: ReturnType<typeof createFaultGate>
  sent: number
  ever: ReadMessage[]
}

export function logSubject(wrong: LogWrong = {}): SinkSubject {
  return { name: 'log', capabilities: LOG_CAPABILITIES, place: async () => logPlace(wrong) }
}

function logPlace(wrong: LogWrong): SinkPlace {
  const store: Store = { partitions: [[], []], gate: createFaultGate(), sent: 0, ever: [] }
  return {
    open: async ({ format }) => openLogSink(store, { format: format!, wrong }), // the suite always gives one
    messages: async () => store.partitions.flat(),
    ownTopic: 'own',
    disturb: store.gate.disturb,
    remove: async () => {},
  }
}

function openLogSink(store: Store, { format, wrong }: { format: Format; wrong: LogWrong }): Sink {
  let furthest = ''
  let pending: ReadMessage[] = wrong.sendsAllAgain ? [...store.ever] : []

  return {
    resume: async () => null,
    async write(batch) {
      const position = batch.kind === 'changes' ? (batch.changes[0]?.tx?.position ?? '') : ''
      if (wrong.dropsLate && position !== '' && position < furthest) return 'accepted'
      furthest = position > furthest ? position : furthest
      if (!(wrong.changesOnly && batch.kind === 'control')) pending.push(...encode(format, batch, wrong))
      return 'accepted'
    },
    async flush(signal) {
      if (wrong.flushesNothing) return
      const messages = wrong.reorders ? pending.toReversed() : pending
      pending = []
      try {
        await send(store, { messages, signal: wrong.ignoresStop ? new AbortController().signal : signal, wrong })
      } catch (error) {
        if (signal.aborted || wrong.foreignErrors) throw error
        if (wrong.hidesFailures) return
        throw new MillraceError('SINK_UNAVAILABLE', { sink: 'log', path: 'memory', reason: 'refused' }, { cause: error })
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

function encode(format: Format, batch: Batch, wrong: LogWrong): ReadMessage[] {
  const placed = [...messagesOf(wrong.changesOnly ? { ...format, after: () => [] } : format, batch)]
  const messages = placed.map((each) => ({ ...each.message, headers: each.message.headers ?? {}, id: messageId(each) }))
  return messages.flatMap((message, nth) => (wrong.message ? (wrong.message(message, nth) ?? []) : message))
}

type Sending = { messages: readonly ReadMessage[]; signal: AbortSignal; wrong: LogWrong }

function send(store: Store, { messages, signal, wrong }: Sending): Promise<void> {
  const sent = store.gate.pass(async () => {
    for (const message of messages) {
      store.ever.push(message)
      store.partitions[wrong.partition?.(message, store.sent++) ?? (message.key?.length ?? 0) % 2]?.push(message)
    }
  })
  return orAborted(sent, signal)
}
