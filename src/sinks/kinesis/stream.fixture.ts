import { MillraceError } from '../../errors/millrace-error.ts'
import type { KinesisRecord } from './records.ts'
import { refusalOf } from './errors.ts'
import type { Refusals, SenderOptions } from './sender.ts'

export const place = { sink: 'kinesis', stream: 'shop', region: 'eu-north-1' }
export const throttled = () => refusalOf('ProvisionedThroughputExceededException', place)
export const unavailable = () => new MillraceError('SINK_UNAVAILABLE', { sink: 'kinesis', path: 'shop', reason: 'as told' })

/** What becomes of a request: which indexes are refused, or what is thrown, before or after the rest was stored. */
export type Fate = { refuse?: (index: number) => boolean; fail?: Error; isStoredAllTheSame?: boolean }

/** A stream of one shard in memory, as the service treats requests: it tries each record, whatever became of those before it. */
export function createMemoryStream(fate: (count: number, records: readonly KinesisRecord[]) => Fate = () => ({})) {
  const stored: KinesisRecord[] = []
  const requests: (readonly KinesisRecord[])[] = []

  async function put(records: readonly KinesisRecord[]): Promise<Refusals> {
    requests.push(records)
    const { refuse = () => false, fail, isStoredAllTheSame = false } = fate(requests.length, records)
    await new Promise((resolve) => setImmediate(resolve))
    if (fail === undefined || isStoredAllTheSame) stored.push(...records.filter((_, index) => !refuse(index)))
    if (fail !== undefined) throw fail
    return new Map(records.flatMap((_, index) => (refuse(index) ? [[index, throttled()] as const] : [])))
  }

  /** The texts of each partition key, in the order in which they lie there. */
  function textsByKey(): Map<string, string[]> {
    const texts = new Map<string, string[]>()
    for (const { partitionKey, data } of stored) texts.set(partitionKey, [...(texts.get(partitionKey) ?? []), Buffer.from(data).toString()])
    return texts
  }

  return { put, requests, stored, textsByKey }
}

/** Chances that are the same at each run; no record (by its id) has more troubles than `most`, so that all is well in the end. */
export function createTroubles(seed: number, most: number) {
  const troubles = new Map<string, number>()
  let state = seed
  const random = (): number => (state = (state * 16807) % 2147483647) / 2147483647

  function isDue(chance: number, ids: readonly string[]): boolean {
    if (random() > chance || ids.some((id) => (troubles.get(id) ?? 0) >= most)) return false
    for (const id of ids) troubles.set(id, (troubles.get(id) ?? 0) + 1)
    return true
  }

  return { random, isDue }
}

/** A sender's options with nothing to wait for. */
export function senderOptions(put: SenderOptions['put'], rest: Partial<SenderOptions> = {}): SenderOptions {
  return { put, perKey: 1, requests: 4, failed() {}, repeated() {}, pauseMs: () => 0, ...rest }
}
