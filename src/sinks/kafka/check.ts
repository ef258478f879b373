import type { Table } from '../../contracts/table.ts'
import { MillraceError } from '../../errors/millrace-error.ts'
import { createTemplate } from '../../messages/template.ts'
import { openKafka } from './client.ts'
import type { KafkaConfig } from './config.ts'
import { createEncoder } from './encode.ts'
import { POSITIONS_TOPIC } from './open-positions.ts'
import { topicName } from './topic-name.ts'
import { topicMissing } from './topics.ts'

/** Reaches the cluster and logs in. It takes no id over: that would stop a pipeline that runs. */
export async function checkKafka(settings: KafkaConfig, sink: string): Promise<void> {
  const kafka = await openKafka(settings, { sink })
  try {
    const { positionsTopic: topic, createTopics, delivery } = settings
    await kafka.reach()
    const found = await kafka.findTopic(topic)
    if (delivery === 'at-least-once') return
    if (!found && createTopics === false) throw topicMissing({ sink, ...POSITIONS_TOPIC }, topic)
    if (found?.isCompacted === false)
      throw new MillraceError('KAFKA_POSITIONS', { sink, topic, reason: 'its cleanup.policy is not `compact`' })
  } finally {
    await kafka.close()
  }
}

/** The columns that the sink's own templates name are there: else the pipeline would stop in the middle of its copy. */
export function checkTemplates(tables: readonly Table[], { topic, key }: Pick<KafkaConfig, 'topic' | 'key'>): void {
  for (const text of [topic, key]) {
    const template = text === undefined ? null : createTemplate(text)
    for (const table of tables) template?.check(table)
  }
}

/** Where topics are not made: those that the sink's own setting names are there. What a format or a row names is known only as it comes. */
export async function checkTopics(tables: readonly Table[], settings: KafkaConfig, sink: string): Promise<void> {
  const { topic, format, createTopics } = settings
  if (createTopics !== false || (topic === undefined && format !== 'native')) return
  if (topic !== undefined && /\$\{(?!schema\b|table\b|database\b)/.test(topic)) return
  const encoder = createEncoder({ topic, key: undefined })
  const kafka = await openKafka(settings, { sink })
  try {
    for (const table of tables) {
      const message = { topic: null, key: null, value: null, headers: null }
      const name = topicName(encoder.topicText({ message, part: 0, table, change: null, row: null, index: 0, chunk: null, position: '' }))
      if (!(await kafka.findTopic(name))) throw topicMissing({ sink }, name)
    }
  } finally {
    await kafka.close()
  }
}
