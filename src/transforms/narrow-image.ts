import type { ImageReader, RowImage } from '../contracts/row-image.ts'
import type { Row } from '../contracts/table.ts'

/** Images of some columns of images: still decoded only as far as somebody asks. */
export function narrowImage(moves: readonly number[]): (image: RowImage) => RowImage {
  const readers = new WeakMap<ImageReader, ImageReader>()
  const readerOf = (inner: ImageReader): ImageReader => {
    const known = readers.get(inner)
    if (known) return known
    const reader = narrowReader(inner, moves)
    readers.set(inner, reader)
    return reader
  }
  return (image) => new NarrowImage(image, moves, readerOf(image.reader))
}

/** Made once a change: with methods of its own each would cost more than all else that is done with it. */
class NarrowImage implements RowImage {
  readonly reader: ImageReader
  readonly inner: RowImage
  readonly moves: readonly number[]

  constructor(inner: RowImage, moves: readonly number[], reader: ImageReader) {
    this.reader = reader
    this.inner = inner
    this.moves = moves
  }

  get bytes(): number {
    return this.inner.bytes
  }

  isNull(column: number) {
    return this.inner.isNull(this.#source(column))
  }

  value(column: number) {
    return this.inner.value(this.#source(column))
  }

  row(): Row {
    return this.moves.map((source) => this.inner.value(source))
  }

  write(column: number, out: Uint8Array, at: number) {
    return this.inner.write(this.#source(column), out, at)
  }

  #source(column: number): number {
    return this.moves[column] as number // callers ask for columns of the narrowed table
  }
}

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
