import type { RowImage } from '../../contracts/row-image.ts'
import '../../lib/buffer-slices.ts'
import { quoted } from '../json/json-text.ts'
import { escapeInto } from './escape-into.ts'
import type { FieldForm } from './table-form.ts'

/**
 * Fields of a row that has an image, written as bytes from the bytes it came in: the same that `TableForm.after` says of its values.
 * Returns where they end; −1 where a shape is rare or there is no room: then nothing behind `at` counts.
 */
export type ImageFields = {
  /** Bytes that the fields of any row take beside its values. */
  room: number
  put(image: RowImage, out: Buffer, at: number): number
}

type PutValue = (image: RowImage, out: Buffer, at: number) => number

/** What a value's bytes may become: each a `\u0001`. */
export const WORST = 6
/** What a value needs beside that: quotes, zeros at the end of a fraction. */
const BESIDE = 32

export function createImageFields(fields: readonly FieldForm[]): ImageFields {
  const puts = fields.map((field, place) => {
    const name = Buffer.from(`${place === 0 ? '' : ','}${quoted(field.name)}:`)
    return { name, index: field.index, put: putterOf(field) }
  })
  return {
    room: puts.reduce((sum, { name }) => sum + name.length + BESIDE, 0),
    put(image, out, at) {
      for (let i = 0; i < puts.length; i++) {
        const { name, index, put } = puts[i]! // i < length
        at = putBytes(name, out, at)
        if (image.isNull(index)) at = putBytes(NULL, out, at)
        else if ((at = put(image, out, at)) < 0) return -1
      }
      return at
    },
  }
}

const NULL = Buffer.from('null')

function putterOf(field: FieldForm): PutValue {
  const { index, short } = field
  const slowly = slowPutter(field)
  if (short === 'plain')
    return (image, out, at) => {
      const end = image.write(index, out, at)
      return end < 0 ? slowly(image, out, at) : end
    }
  if (short === 'quoted')
    return (image, out, at) => {
      const end = image.write(index, out, at + 1)
      if (end < 0) return slowly(image, out, at)
      out[at] = 0x22
      out[end] = 0x22
      return end + 1
    }
  if (short === 'text') return textPutter(index, slowly)
  if (field.putText) return formedPutter(index, field.putText, slowly)
  return slowly
}

/** By the value's own text. It may be longer than its bytes let expect (a `\u…` in one of its names). */
function slowPutter({ index, text }: FieldForm): PutValue {
  return (image, out, at) => {
    const value = text(image.value(index))
    return at + value.length * 3 > out.length ? -1 : at + out.utf8Write(value, at, out.length - at)
  }
}

/** Values up to this pass through here. */
const scratch = Buffer.alloc(16 * 1024)

function textPutter(index: number, slowly: PutValue): PutValue {
  return (image, out, at) => {
    if (image.bytes + 8 > scratch.length) return -1
    const end = image.write(index, scratch, 0)
    return end < 0 ? slowly(image, out, at) : escapeInto(scratch, end, out, at)
  }
}

function formedPutter(index: number, putText: NonNullable<FieldForm['putText']>, slowly: PutValue): PutValue {
  return (image, out, at) => {
    if (image.bytes + 8 > scratch.length) return -1
    const length = image.write(index, scratch, 0)
    const end = length < 0 ? -1 : putText(scratch, length, out, at)
    return end < 0 ? slowly(image, out, at) : end
  }
}

/** Short ones by hand: a call costs more. */
export function putBytes(bytes: Uint8Array, out: Uint8Array, at: number): number {
  const { length } = bytes
  if (length > 32) out.set(bytes, at)
  else for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number // i < length
  return at + length
}
