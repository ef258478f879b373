import type { RowImage } from '../../contracts/row-image.ts'
import '../../lib/buffer-slices.ts'
import { createImageFields, WORST } from './image-fields.ts'
import type { FieldForm } from './table-form.ts'

/** The fields of a row that has an image, as text without its values being made; null where that cannot be. */
export type ImageText = (image: RowImage) => string | null

/** Rows up to this pass through here. */
const scratch = Buffer.alloc(64 * 1024)

export function createImageText(fields: readonly FieldForm[]): ImageText {
  const { room, put } = createImageFields(fields)
  return (image) => {
    if (room + WORST * image.bytes > scratch.length) return null
    const end = put(image, scratch, 0)
    return end < 0 ? null : scratch.utf8Slice(0, end)
  }
}
