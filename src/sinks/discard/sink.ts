import type { Batch } from '../../contracts/batch.ts'
import type { Log, Sink } from '../../contracts/sink.ts'
import type { DiscardConfig } from './config.ts'

export type DiscardOptions = { decode: DiscardConfig['decode']; log: Pick<Log, 'debug'> }

/** Drops everything, durably. It decodes what a sink of that kind would have to, so that the rest can be measured. */
export function openDiscard({ decode, log }: DiscardOptions): Sink {
  const dropped = { changes: 0, rows: 0, bytes: 0 }

  return {
    async resume() {
      return null
    },
    async write(batch) {
      touch(batch, decode)
      if (batch.kind === 'changes') dropped.changes += batch.changes.length
      if (batch.kind === 'rows') dropped.rows += batch.rowCount
      if (batch.kind !== 'control') dropped.bytes += batch.bytes
      return 'durable'
    },
    async flush() {},
    async [Symbol.asyncDispose]() {
      log.debug('discard.dropped', dropped)
    },
  }
}

function touch(batch: Batch, decode: DiscardConfig['decode']): void {
  if (batch.kind !== 'rows') return
  if (decode === 'rows') batch.rows()
  if (decode === 'columns') batch.columns()
}
