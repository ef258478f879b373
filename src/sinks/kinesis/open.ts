import type { Format } from '../../contracts/format.ts'
import type { Sink, SinkContext } from '../../contracts/sink.ts'
import { openKinesis } from './client.ts'
import type { KinesisConfig } from './config.ts'
import { createPartitionKey } from './partition-key.ts'
import { createRecords } from './records.ts'
import { createSender } from './sender.ts'
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
    const headersLeftOut = () => log.warn('kinesis-headers-left-out', { sink, hint: 'set `wrap: true` to have them in the records' })
    const refused = (count: number, { code }: { code: string }) => log.debug('kinesis-records-refused', { sink, count, code })
    return createKinesisSink({
      records: createRecords({ sink, stream, format, partitionKey, wrap, maxRecordBytes, headersLeftOut }),
      sender: createSender({ put: kinesis.put, perKey: order === 'strict' ? 1 : MANY_OF_A_KEY, requests, failed, refused }),
      close: kinesis.close,
    })
  } catch (error) {
    kinesis.close()
    throw error
  }
}
