import { ENCODINGS } from './footer.ts'
import { encodeThrift, i32, struct } from './thrift.ts'

const DATA_PAGE = 0
const DICTIONARY_PAGE = 2

type PageFacts = { valueCount: number; uncompressed: number; compressed: number }

/** A data page of version 1: every reader knows it. `valueCount` holds the NULLs. */
export function encodeDataPageHeader({ valueCount, encoding, uncompressed, compressed }: PageFacts & { encoding: number }): Buffer {
  const data = struct([1, i32(valueCount)], [2, i32(encoding)], [3, i32(ENCODINGS.RLE)], [4, i32(ENCODINGS.RLE)])
  return encodeThrift(struct([1, i32(DATA_PAGE)], [2, i32(uncompressed)], [3, i32(compressed)], [5, data]))
}

export function encodeDictionaryPageHeader({ valueCount, uncompressed, compressed }: PageFacts): Buffer {
  const dictionary = struct([1, i32(valueCount)], [2, i32(ENCODINGS.PLAIN)])
  return encodeThrift(struct([1, i32(DICTIONARY_PAGE)], [2, i32(uncompressed)], [3, i32(compressed)], [7, dictionary]))
}
