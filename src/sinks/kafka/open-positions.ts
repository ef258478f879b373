import { MillraceError } from '../../errors/millrace-error.ts'
import type { KafkaConfig } from './config.ts'
import type { Kafka } from './client.ts'
import { createPositions, type Positions } from './positions.ts'
import { openTopic } from './topics.ts'

/** Small segments and much compaction: at a start the topic is read as a whole, and the segment that is written to is never compacted. */
export const POSITIONS_SETTINGS = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(16 << 20),
  'segment.ms': String(3_600_000),
  'min.cleanable.dirty.ratio': '0.05',
}

export const POSITIONS_TOPIC = { partitions: 1, settings: POSITIONS_SETTINGS }

export type OpenPositionsOptions = {
  kafka: Kafka
  sink: string
  id: string
  settings: Pick<KafkaConfig, 'positionsTopic' | 'createTopics'>
}

/** Positions that time or size cut away would make a later start begin anew: it is told before anything is written. */
export async function openPositions({ kafka, sink, id, settings }: OpenPositionsOptions): Promise<Positions> {
  const { positionsTopic: topic, createTopics } = settings
  const { isCompacted } = await openTopic({ kafka, sink, createTopics, ...POSITIONS_TOPIC }, topic)
  if (isCompacted === false) throw new MillraceError('KAFKA_POSITIONS', { sink, topic, reason: 'its cleanup.policy is not `compact`' })
  return createPositions({ kafka, sink, topic, id })
}
