/**
 * The partition that Java's producer gives a key: murmur2 of the key, without its sign, modulo the partitions. The client library's own
 * differs for half of the keys unless the partitions are a power of two.
 */
export function partitionOf(key: Uint8Array, partitions: number, length: number = key.length): number {
  return (murmur2(key, length) & 0x7fffffff) % partitions
}

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Of the first `length` bytes, as `org.apache.kafka.common.utils.Utils.murmur2`: a signed 32-bit number. */
export function murmur2(data: Uint8Array, length: number = data.length): number {
  let hash = (SEED ^ length) | 0
  let at = 0
  for (; at + 4 <= length; at += 4) {
    // Inside the bounds, here and below.
    let word = Math.imul(data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24), M)
    word ^= word >>> 24
    hash = Math.imul(hash, M) ^ Math.imul(word, M)
  }
  const left = length - at
  if (left === 3) hash ^= data[at + 2]! << 16
  if (left >= 2) hash ^= data[at + 1]! << 8
  if (left >= 1) hash = Math.imul(hash ^ data[at]!, M)
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}
