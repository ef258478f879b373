import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  SplitShardCommand,
  MergeShardsCommand,
} from '@aws-sdk/client-kinesis'
import { until } from '../../../test/servers.ts'
import type { SinkContext } from '../../contracts/sink.ts'
import { createMemorySinkState } from '../../testing/memory-sink-state.ts'
import { createPlainFormat } from '../../testing/plain-format.ts'
import { createHandler } from './client.ts'
import { config, type KinesisConfig } from './config.ts'

/** Where a service is that speaks like Kinesis. */
export type ServiceSettings = { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string }

export type StoredRecord = { shard: string; partitionKey: string; text: string; sequenceNumber: bigint }

/** A stream of its own, and what an independent reader finds in it. */
export type TestStream = Awaited<ReturnType<typeof createStream>>

let streams = 0

export async function createStream(service: ServiceSettings, shards = 2) {
  const { endpoint, region, ...credentials } = service
  const client = new KinesisClient({ endpoint, region, credentials, requestHandler: createHandler(), maxAttempts: 3 })
  const stream = `stream-${process.pid}-${++streams}`
  await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }))
  await isActive()

  /** Made, and split or merged, as far as that was asked for. */
  function isActive(): Promise<void> {
    const status = async () =>
      (await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }))).StreamDescriptionSummary?.StreamStatus
    return until(async () => (await status()) === 'ACTIVE', 30_000, 'the stream')
  }

  async function shardIds(): Promise<string[]> {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }))
    return Shards.map(({ ShardId = '' }) => ShardId).sort()
  }

  /** A parent's before its children's, as readers have to: their numbers are in that order. */
  async function records(): Promise<StoredRecord[]> {
    const found: StoredRecord[] = []
    for (const shard of await shardIds()) found.push(...(await recordsOf(shard)))
    return found
  }

  async function recordsOf(shard: string): Promise<StoredRecord[]> {
    const at = { StreamName: stream, ShardId: shard, ShardIteratorType: 'TRIM_HORIZON' as const }
    const found: StoredRecord[] = []
    let { ShardIterator: iterator } = await client.send(new GetShardIteratorCommand(at))
    while (iterator !== undefined) {
      const { Records = [], NextShardIterator: next } = await client.send(new GetRecordsCommand({ ShardIterator: iterator }))
      for (const { PartitionKey = '', Data, SequenceNumber = '' } of Records)
        found.push({ shard, partitionKey: PartitionKey, text: Buffer.from(Data ?? []).toString(), sequenceNumber: BigInt(SequenceNumber) })
      iterator = Records.length === 0 ? undefined : next
    }
    return found
  }

  async function openShards() {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }))
    return Shards.filter(({ SequenceNumberRange }) => SequenceNumberRange?.EndingSequenceNumber === undefined)
  }

  /** Splits the first open shard in its middle. */
  async function split(): Promise<void> {
    const [shard] = await openShards()
    const { StartingHashKey = '0', EndingHashKey = '0' } = shard?.HashKeyRange ?? {}
    const middle = (BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n
    await client.send(new SplitShardCommand({ StreamName: stream, ShardToSplit: shard?.ShardId ?? '', NewStartingHashKey: String(middle) }))
  }

  /** Merges the first two open shards that lie beside each other. */
  async function merge(): Promise<void> {
    const shards = await openShards()
    const startOf = (hash: string | undefined) => shards.find(({ HashKeyRange }) => HashKeyRange?.StartingHashKey === hash)
    const next = (hash: string | undefined) => String(BigInt(hash ?? 0) + 1n)
    const first = shards.find(({ HashKeyRange }) => startOf(next(HashKeyRange?.EndingHashKey)) !== undefined)
    const second = startOf(next(first?.HashKeyRange?.EndingHashKey))
    await client.send(
      new MergeShardsCommand({ StreamName: stream, ShardToMerge: first?.ShardId ?? '', AdjacentShardToMerge: second?.ShardId ?? '' }),
    )
    await isActive()
  }

  return {
    name: stream,
    settings: (more: Partial<KinesisConfig> = {}) => config.parse({ stream, ...service, ...more }),
    records,
    shardIds,
    split,
    merge,
    async remove() {
      await client.send(new DeleteStreamCommand({ StreamName: stream }))
      client.destroy()
    },
  }
}

/** The texts of each partition key in the order in which they are read. */
export function textsByKey(records: readonly StoredRecord[]): Map<string, string[]> {
  const texts = new Map<string, string[]>()
  for (const { partitionKey, text } of records) texts.set(partitionKey, [...(texts.get(partitionKey) ?? []), text])
  return texts
}

export function sinkContext(): SinkContext {
  const quiet = (): void => {}
  return {
    pipeline: 'shop',
    name: 'kinesis',
    baseDir: '/',
    format: createPlainFormat(),
    state: createMemorySinkState(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    durable: quiet,
    failed: quiet,
  }
}
