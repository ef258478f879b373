import type { Compress } from './compress.ts'
import { clearDictionary, createDictionary, indexPage, mayRepeat, type Dictionary } from './dictionary.ts'
import { ENCODINGS, type ChunkFacts } from './footer.ts'
import { appendBytes, clear, type GrowingBytes } from './growing-bytes.ts'
import { writeIndexes } from './levels.ts'
import { createListLevels } from './list-levels.ts'
import { encodeDataPageHeader, encodeDictionaryPageHeader } from './page-header.ts'
import { createPresenceLevels } from './presence-levels.ts'
import { clearPageValues, createPageValues, writeBooleans, writeByteArrays, type PageValues } from './page-values.ts'
import type { ParquetField } from './schema.ts'
import { createStatistics } from './statistics.ts'
import type { PreparedVector } from './stored-vector.ts'

/** Encodes one column, page by page. */
export type ColumnEncoder = {
  /** Adds a vector's rows. A page is closed once it holds `pageBytes`, or some ten thousands of values. */
  append(vector: PreparedVector, rowCount: number): void
  /** Bytes of this chunk so far, before compression. */
  size(): number
  /** Closes the chunk: its pages in order, and what the footer says of it but for where it begins. */
  take(): { pages: readonly Uint8Array[]; facts: Omit<ChunkFacts, 'offset'> }
}

export type EncoderContext = {
  compress: Compress
  pageBytes: number
  /** Where a page is put together before it is compressed. Shared by the columns of a file. */
  scratch: GrowingBytes
}

/** Readers decode a page as a whole: what they hold of it must not be much, however well it is compressed. */
const PAGE_VALUES = 32_768

export function createColumnEncoder(field: ParquetField, context: EncoderContext): ColumnEncoder {
  const { leaf } = field
  const { scratch, compress } = context
  const levels = field.repetition === 'list' ? createListLevels() : createPresenceLevels(field.repetition === 'required')
  const values = createPageValues(leaf)
  const statistics = createStatistics(leaf)
  const dictionary = mayRepeat(leaf) ? createDictionary(leaf) : null
  let dictionaryPays = true
  let chunk = createChunk()

  function closePage(): void {
    if (levels.count() === 0) return
    clear(scratch)
    levels.write(scratch)
    const encoding = writeValues()
    const header = (compressed: number) =>
      encodeDataPageHeader({ valueCount: levels.count(), encoding, uncompressed: scratch.length, compressed })
    chunk.valueCount += levels.count()
    chunk.nullCount += levels.count() - values.count
    addPage(chunk, header)
    chunk.encodings.add(encoding)
    levels.clear()
    clearPageValues(values)
  }

  function addPage(to: Chunk, header: (compressed: number) => Uint8Array): void {
    const body = compress(scratch.u8.subarray(0, scratch.length))
    const head = header(body.length)
    to.pages.push(head, body)
    to.uncompressedBytes += head.length + scratch.length
    to.compressedBytes += head.length + body.length
  }

  function writeValues(): number {
    // Without a value there is no dictionary page, and readers ask for one.
    if (dictionary !== null && dictionaryPays && values.count > 0) {
      const known = dictionary.entries.count
      dictionaryPays = indexPage(dictionary, values)
      if (dictionaryPays) {
        statistics.add(dictionary.entries, known)
        writeIndexes(dictionary.indexes, values.count, bitWidth(dictionary), scratch)
        return ENCODINGS.RLE_DICTIONARY
      }
    }
    statistics.add(values)
    writePlain(values, scratch)
    return ENCODINGS.PLAIN
  }

  /** The dictionary's page goes before the others: made last, when all its entries are known. */
  function dictionaryPages(): Chunk {
    const first = createChunk()
    if (dictionary === null || dictionary.entries.count === 0) return first
    clear(scratch)
    writePlain(dictionary.entries, scratch)
    const entryCount = dictionary.entries.count
    addPage(first, (compressed) => encodeDictionaryPageHeader({ valueCount: entryCount, uncompressed: scratch.length, compressed }))
    return first
  }

  return {
    append(vector, rowCount) {
      levels.append(vector, rowCount, values)
      if (values.bytes.length + values.lengths.length >= context.pageBytes || levels.count() >= PAGE_VALUES) closePage()
    },
    size: () => chunk.uncompressedBytes + values.bytes.length + values.lengths.length,
    take() {
      closePage()
      const first = dictionaryPages()
      const taken = chunk
      chunk = createChunk()
      if (dictionary !== null) clearDictionary(dictionary)
      dictionaryPays = true
      return {
        pages: [...first.pages, ...taken.pages],
        facts: {
          encodings: [ENCODINGS.PLAIN, ENCODINGS.RLE, ...[...taken.encodings].filter((encoding) => encoding !== ENCODINGS.PLAIN)],
          valueCount: taken.valueCount,
          nullCount: taken.nullCount,
          uncompressedBytes: first.uncompressedBytes + taken.uncompressedBytes,
          compressedBytes: first.compressedBytes + taken.compressedBytes,
          dictionaryBytes: first.compressedBytes,
          bounds: statistics.take(),
        },
      }
    },
  }
}

type Chunk = {
  pages: Uint8Array[]
  encodings: Set<number>
  valueCount: number
  nullCount: number
  uncompressedBytes: number
  compressedBytes: number
}

function createChunk(): Chunk {
  return { pages: [], encodings: new Set(), valueCount: 0, nullCount: 0, uncompressedBytes: 0, compressedBytes: 0 }
}

/** Wide enough for every entry so far; those to come belong to later pages. */
function bitWidth({ entries }: Dictionary): number {
  return Math.max(1, 32 - Math.clz32(entries.count - 1))
}

function writePlain(values: PageValues, out: GrowingBytes): void {
  if (values.width === 0) return writeByteArrays(values, out)
  if (values.width === 1) return writeBooleans(values, out)
  appendBytes(out, values.bytes.u8.subarray(0, values.bytes.length))
}
