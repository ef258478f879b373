import type { Format } from '../../contracts/format.ts'
import type { Sink, SinkContext } from '../../contracts/sink.ts'
import { openKinesis } from './client.ts'
import type { KinesisConfig } from './config.ts'
import { createPartitionKey } from './partition-key.ts'
import { createRecords } from './records.ts'
import { createSender, type Repeat } from './sender.ts'
import { createKinesisSink } from './sink.ts'

/** As many as a request holds. */
const MANY_OF_A_KEY = 500

export async function openSink(settings: KinesisConfig, context: SinkContext & { format: Format }): Promise<Sink> {
  const { name: sink, format, log, failed } = context
  const { stream, wrap, order, requests } = settings
  const kinesis = await openKinesis(settings, sink)
  try {
    const { maxRecordBytes } = await kinesis.describe()
    const partitionKey = createPartitionKey(settings.partitionKey, sink)
    const headersLeftOut = () => log.warn('sink.headers.left-out', { sink, hint: 'set `wrap: true` to have them in the records' })
    /** That a shard is full for a moment is everyday; that nothing is taken for longer is news. */
    const repeated = ({ reason, ...repeat }: Repeat) =>
      log[repeat.attempt < 3 ? 'debug' : 'warn']('sink.records.repeated', { sink, ...repeat, reason: reason.message })
    return createKinesisSink({
      records: createRecords({ sink, stream, format, partitionKey, wrap, maxRecordBytes, headersLeftOut }),
      sender: createSender({ put: kinesis.put, perKey: order === 'strict' ? 1 : MANY_OF_A_KEY, requests, failed, repeated }),
      close: kinesis.close,
    })
  } catch (error) {
    kinesis.close()
    throw error
  }
}
