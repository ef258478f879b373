import { openEncoderPool } from './encoder-pool.ts'

/** A process that encodes a file and never closes its pool. */
const pool = openEncoderPool({ threads: 2 })
const encoder = pool.open({ fields: [] }, { compression: 'zstd' })
const parts = await encoder.end({})
process.stdout.write(`${encoder.bytes} ${parts.length}`)
