import type { Batch } from '../contracts/batch.ts'
import type { Format } from '../contracts/format.ts'
import type { Log, Sink, SinkContext, SinkRecord, SinkState } from '../contracts/sink.ts'
import type { Table } from '../contracts/table.ts'
import { createMemorySinkState } from './memory-sink-state.ts'
import { createPlainFormat } from './plain-format.ts'
import { expectHolds, type Given } from './sink-expectations.ts'
import type { SinkPlace, SinkSubject } from './sink-subject.ts'

/** One place, its state, and sinks opened there. */
export type Bench = {
  subject: SinkSubject
  place: SinkPlace
  open(): Promise<{ sink: Sink; record: SinkRecord | null }>
  /** The furthest position that a sink with `hasPending` has reported here. */
  reported(): string
  crash(sink: Sink): Promise<void>
  expectHolds(given: Given | readonly Batch[], tables: readonly Table[]): Promise<void>
  /** A place and a state of its own. */
  anew(run: (bench: Bench) => Promise<void>): Promise<void>
}

export type BenchCase = { title: string; run(bench: Bench): Promise<void>; format?: (place: SinkPlace) => Format }

export const signal: AbortSignal = new AbortController().signal

export async function onBench(
  subject: SinkSubject,
  { run, format: createFormat = createPlainFormat }: Omit<BenchCase, 'title'>,
): Promise<void> {
  const place = await subject.place()
  const state = createMemorySinkState()
  const format = createFormat(place)
  let reported = ''
  const durable = (position: string): void => void (reported = position > reported ? position : reported)
  const open: Bench['open'] = async () => {
    const sink = await place.open({ ...contextFor(subject.name, state, format), durable })
    return { sink, record: await sink.resume() }
  }
  try {
    await run({
      subject,
      place,
      open,
      reported: () => reported,
      crash: (sink) => place.crash?.(sink) ?? Promise.resolve(sink[Symbol.asyncDispose]()),
      expectHolds: (given, tables) =>
        expectHolds({ capabilities: subject.capabilities, place, format, open, tables, given: 'last' in given ? given : once(given) }),
      anew: (again) => onBench(subject, { run: again, format: createFormat }),
    })
  } finally {
    await place.remove()
  }
}

function once(batches: readonly Batch[]): Given {
  return { first: [], sure: 0, last: batches, all: batches }
}

function contextFor(name: string, state: SinkState, format: Format): Omit<SinkContext, 'durable'> {
  const quiet = (): void => {}
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  return { pipeline: 'conformance', name, baseDir: process.cwd(), format, state, log, failed: quiet }
}

/** Writes in order; returns how many of them the sink called durable by itself, the ones before with them. */
export async function writeAll(sink: Sink, batches: readonly Batch[]): Promise<number> {
  let durable = 0
  for (const [at, batch] of batches.entries()) if ((await sink.write(batch, signal)) === 'durable') durable = at + 1
  return durable
}
