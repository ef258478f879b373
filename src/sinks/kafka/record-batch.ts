import '../../lib/buffer-slices.ts'

/*
  RecordBatch (version 2, docs of Kafka's protocol, "Record Batch") =>
    base_offset INT64 · batch_length INT32 · partition_leader_epoch INT32 · magic INT8 · crc UINT32 (of all that follows)
    attributes INT16 · last_offset_delta INT32 · base_timestamp INT64 · max_timestamp INT64
    producer_id INT64 · producer_epoch INT16 · base_sequence INT32 · records_count INT32 · records
  Record =>
    length VARINT · attributes INT8 · timestamp_delta VARLONG · offset_delta VARINT
    key_length VARINT · key · value_length VARINT · value · headers_count VARINT · [key_length VARINT · key · value_length VARINT · value]
*/

/** Records of one partition on their way, in the form of the wire: written once, from text, without an object for each. */
export type Records = {
  readonly topic: string
  readonly partition: number
  readonly count: number
  /** `key`: its bytes are the first `keyBytes` of it; −1: none. */
  add(key: Buffer, keyBytes: number, rest: RecordRest): void
  /** The whole batch, once. Without compression it lies in the memory of the records. */
  batch(facts: BatchFacts): Buffer
  /** Their memory, for others: they are not used any more. */
  release(): Buffer
}

/** `value` null: a tombstone. `bytes` of its UTF-8. */
export type RecordRest = { value: string | null; bytes: number; headers: readonly Header[] }
export type Header = { name: string; nameBytes: number; text: string; textBytes: number }

export type BatchFacts = {
  producerId: bigint
  producerEpoch: number
  /** Of the first record. */
  sequence: number
  isTransactional: boolean
  compression: { bitmask: number; compressSync(data: Buffer): Buffer }
  crc32c(data: Buffer): number
  timestampMs: number
}

const HEAD = 61
const LENGTH_AT = 8
const CRC_AT = 17
const ATTRIBUTES_AT = 21
/** What follows the length: all but the offset and the length itself. */
const BEFORE_LENGTH_ENDS = 12
const MAGIC = 2
const TRANSACTIONAL = 1 << 4
const FIRST_BYTES = 16 * 1024

/** `memory`: what others released. */
export function createRecords(topic: string, partition: number, memory: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)): Records {
  let out = memory
  let at = HEAD
  let count = 0

  function varint(value: number): void {
    // Zigzag, for what is not negative; lengths and offsets are below 2³⁰.
    let rest = value < 0 ? 1 : value * 2
    for (; rest > 127; rest >>>= 7) out[at++] = (rest & 127) | 128
    out[at++] = rest
  }

  function text(value: string, bytes: number): void {
    varint(bytes)
    at += out.utf8Write(value, at, bytes)
  }

  return {
    topic,
    partition,
    get count() {
      return count
    },
    add(key, keyBytes, { value, bytes, headers }) {
      const valueBytes = value === null ? -1 : bytes
      let body =
        2 + sizeOf(count) + sizeOf(keyBytes) + Math.max(0, keyBytes) + sizeOf(valueBytes) + Math.max(0, valueBytes) + sizeOf(headers.length)
      for (const { nameBytes, textBytes } of headers) body += sizeOf(nameBytes) + nameBytes + sizeOf(textBytes) + textBytes
      if (out.length - at < body + 5) out = grown(out, at, at + body + 5)
      varint(body)
      out[at++] = 0
      out[at++] = 0 // all of a batch have its own time
      varint(count++)
      varint(keyBytes)
      if (keyBytes > 0) at += key.copy(out, at, 0, keyBytes)
      if (value === null) varint(-1)
      else text(value, bytes)
      varint(headers.length)
      for (const { name, nameBytes, text: words, textBytes } of headers) {
        text(name, nameBytes)
        text(words, textBytes)
      }
    },
    batch(facts) {
      const { compression } = facts
      const batch =
        compression.bitmask === 0
          ? out.subarray(0, at)
          : Buffer.concat([out.subarray(0, HEAD), compression.compressSync(out.subarray(HEAD, at))])
      writeHead(batch, count, facts)
      return batch
    },
    release: () => out,
  }
}

function writeHead(batch: Buffer, count: number, facts: BatchFacts): void {
  const time = BigInt(facts.timestampMs)
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - BEFORE_LENGTH_ENDS, LENGTH_AT)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(MAGIC, 16)
  batch.writeInt16BE(facts.compression.bitmask | (facts.isTransactional ? TRANSACTIONAL : 0), ATTRIBUTES_AT)
  batch.writeInt32BE(count - 1, 23)
  batch.writeBigInt64BE(time, 27)
  batch.writeBigInt64BE(time, 35)
  batch.writeBigInt64BE(facts.producerId, 43)
  batch.writeInt16BE(facts.producerEpoch, 51)
  batch.writeInt32BE(facts.sequence, 53)
  batch.writeInt32BE(count, 57)
  batch.writeUInt32BE(facts.crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
}

/** Bytes of a varint. */
function sizeOf(value: number): number {
  const coded = value < 0 ? 1 : value * 2
  return coded < 1 << 7 ? 1 : coded < 1 << 14 ? 2 : coded < 1 << 21 ? 3 : coded < 1 << 28 ? 4 : 5
}

function grown(from: Buffer, used: number, needed: number): Buffer {
  const to = Buffer.allocUnsafeSlow(Math.max(needed, from.length * 2))
  from.copy(to, 0, 0, used)
  return to
}
