import type { ImageReader, RowImage } from '../contracts/row-image.ts'
import type { Row } from '../contracts/table.ts'

/** Images of some columns of images: still decoded only as far as somebody asks. */
export function narrowImage(moves: readonly number[]): (image: RowImage) => NarrowImage {
  const readers = new WeakMap<ImageReader, ImageReader>()
  const readerOf = (inner: ImageReader): ImageReader => {
    const known = readers.get(inner)
    if (known) return known
    const reader = narrowReader(inner, moves)
    readers.set(inner, reader)
    return reader
  }
  const at = (column: number) => moves[column] as number // callers ask for columns of the narrowed table
  return (image) => ({
    reader: readerOf(image.reader),
    inner: image,
    bytes: image.bytes,
    isNull: (column) => image.isNull(at(column)),
    value: (column) => image.value(at(column)),
    row: (): Row => moves.map((column) => image.value(column)),
    write: (column, out, start) => image.write(at(column), out, start),
  })
}

export type NarrowImage = RowImage & { inner: RowImage }

/** All images of one narrowed table version are narrow ones. */
function narrowReader(inner: ImageReader, moves: readonly number[]): ImageReader {
  return {
    columns: (images, wanted = moves.map((_, column) => column)) =>
      inner.columns(
        images.map((image) => (image as NarrowImage).inner),
        wanted.map((column) => moves[column] as number), // columns of the narrowed table
      ),
  }
}
