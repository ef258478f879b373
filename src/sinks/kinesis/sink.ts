import type { Batch } from '../../contracts/batch.ts'
import type { Sink } from '../../contracts/sink.ts'
import { orAborted } from '../../lib/or-aborted.ts'
import type { KinesisRecord } from './records.ts'
import type { Sender } from './sender.ts'

export type KinesisParts = { records(batch: Batch): Iterable<KinesisRecord>; sender: Sender; close(): void }

/**
 * Records of a data stream. `accepted`: they are on their way; `durable`, by `flush`: the service answered each that it is stored, which it
 * says when it lies in three availability zones. Keeps no record of its own: after a crash the records since the last checkpoint come again.
 */
export function createKinesisSink({ records, sender, close }: KinesisParts): Sink {
  /** Who waits no more wants no request to go on either. */
  async function wait(until: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await orAborted(until, signal)
    } catch (error) {
      if (signal.aborted) sender.abort()
      throw error
    }
  }

  return {
    async resume() {
      return null
    },
    async write(batch, signal) {
      // What failed meanwhile is told here at the latest, rather than that more was taken.
      await wait(sender.room(), signal)
      for (const record of records(batch)) {
        sender.add(record)
        if (!sender.isFull) continue
        sender.start()
        await wait(sender.room(), signal)
      }
      sender.start()
      // What makes no records, such as a table's description, has nothing to wait for.
      return sender.isIdle ? 'durable' : 'accepted'
    },
    flush: (signal) => wait(sender.drained(), signal),
    async [Symbol.asyncDispose]() {
      await sender[Symbol.asyncDispose]()
      close()
    },
  }
}
