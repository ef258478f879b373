import type { Value } from '../../contracts/table.ts'

/** Bytes `start` to `end` of a buffer → canonical value; throws CODEC_MALFORMED. Keeps no reference to the buffer. */
export type ValueDecoder = (buf: Buffer, start: number, end: number) => Value
