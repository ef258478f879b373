import type { RowChange, Transaction } from '../../contracts/change.ts'
import type { Message } from '../../contracts/format.ts'
import type { RowImage } from '../../contracts/row-image.ts'
import '../../lib/buffer-slices.ts'
import { wrapping } from '../../messages/connect/schema.ts'
import type { Bytes, Imaged } from '../../messages/debezium/create-format.ts'
import { createImageFields, putBytes, WORST, type ImageFields } from '../../messages/debezium/image-fields.ts'
import { digitsOf, putNumber } from '../../messages/debezium/put-number.ts'
import type { Settings } from '../../messages/debezium/settings.ts'
import { createSourceBlock, type PlaceText } from '../../messages/debezium/source-block.ts'
import type { TableForm } from '../../messages/debezium/table-form.ts'
import { envelopeWrapping } from './envelope.ts'

/**
 * Inserts, and updates without an old row, whose rows have images, as bytes from the bytes they came in. What follows the row is made once a
 * transaction and table: only the place in the log differs from change to change. The same as the way over text (a test compares them).
 */
export function createEnvelopeBytes(settings: Settings, context: Record<string, string>): (form: TableForm, place: PlaceText) => Bytes {
  let scratch = Buffer.alloc(64 * 1024)
  return (form, place) => {
    const { topic, fields } = form
    const keyFields = form.keyColumns.flatMap((index) => fields.find((field) => field.index === index) ?? [])
    const keyAround = wrapping(settings.keySchemas ? form.keySchema : null)
    const around = envelopeWrapping(form, settings)
    const parts = {
      lineHead: Buffer.from(`{"topic":${JSON.stringify(topic)},"key":`),
      keyHead: Buffer.from(`${keyAround.before}{`),
      keyEnd: Buffer.from(`}${keyAround.after}`),
      between: Buffer.from(',"value":'),
      head: Buffer.from(`${around.before}{"before":null,"after":{`),
      lineEnd: Buffer.from(`,"headers":${JSON.stringify(context)}}\n`),
      null: Buffer.from('null'),
    }
    const key = keyFields.length === 0 ? null : createImageFields(keyFields)
    const row = createImageFields(fields)
    const tails = createTails(settings, place, around.after)
    const room = Object.values(parts).reduce((sum, part) => sum + part.length, 0) + row.room + (key?.room ?? 0) + tails.room

    if (scratch.length < 2 * room) scratch = Buffer.alloc(4 * room)

    const putKey = (image: RowImage, out: Buffer, at: number, fields: ImageFields): number => {
      const end = fields.put(image, out, putBytes(parts.keyHead, out, at))
      return end < 0 ? -1 : putBytes(parts.keyEnd, out, end)
    }
    const putValue = (change: Imaged, out: Buffer, at: number): number => {
      const end = row.put(change.image, out, putBytes(parts.head, out, at))
      return end < 0 ? -1 : tails.put(change, out, end)
    }
    const fits = ({ image }: Imaged, out: Buffer, at: number): boolean => at + room + 2 * WORST * image.bytes <= out.length

    return {
      line(change, out, at) {
        if (!fits(change, out, at)) return -1
        const keyAt = putBytes(parts.lineHead, out, at)
        const keyEnd = key === null ? putBytes(parts.null, out, keyAt) : putKey(change.image, out, keyAt, key)
        const end = keyEnd < 0 ? -1 : putValue(change, out, putBytes(parts.between, out, keyEnd))
        return end < 0 ? -1 : putBytes(parts.lineEnd, out, end)
      },
      message(change): Message | null {
        if (!fits(change, scratch, 0)) return null
        const keyEnd = key === null ? 0 : putKey(change.image, scratch, 0, key)
        const end = keyEnd < 0 ? -1 : putValue(change, scratch, keyEnd)
        if (end < 0) return null
        return { topic, key: key === null ? null : scratch.utf8Slice(0, keyEnd), value: scratch.utf8Slice(keyEnd, end), headers: context }
      },
    }
  }
}

type Op = RowChange['op']
/** After so many changes of one transaction the time at which they are made is looked at again. */
const SAME_TIME = 32

/**
 * What follows the row: the source block, the operation and the times. The place in the log stands in it twice, with as many digits for all of a
 * transaction as a rule.
 */
function createTails({ prefix, nowMs }: Settings, place: PlaceText, after: string) {
  const sources = createSourceBlock(prefix, nowMs)
  // Letters of three bytes, where a name has such; an origin's name has 512 bytes at most, each of which may be escaped.
  const template = Buffer.alloc(4096 + 3 * (prefix.length + place.database.length + place.names.length + after.length))
  let tail = template
  let first = 0
  let second = 0
  let last: Transaction | null = null
  let lastOp: Op = 'insert'
  let digits = 0
  let used = 0
  let madeAt = -1
  let lastRest = ''
  let ending = ''

  const write = (text: string, at: number): number => at + template.utf8Write(text, at, template.length - at)

  /** The last one is kept: most transactions of a flood have it in common. */
  const endOf = (now: number, op: Op, rest: string): string => {
    if (now === madeAt && op === lastOp && rest === lastRest) return ending
    madeAt = now
    lastRest = rest
    const times = `"ts_ms":${now},"ts_us":${now}000,"ts_ns":${now}000000`
    return (ending = `${rest},"transaction":null,"op":"${op === 'insert' ? 'c' : 'u'}",${times}}${after}`)
  }

  const make = (tx: Transaction, op: Op, lsn: number): void => {
    const now = nowMs()
    const [begin, middle, rest] = sources.parts(tx, place)
    digits = digitsOf(lsn)
    first = write(`},"source":${begin}`, 0)
    second = write(middle, first + digits)
    const end = write(endOf(now, op, rest), second + digits)
    if (end !== tail.length) tail = template.subarray(0, end)
    last = tx
    lastOp = op
    used = 0
  }
  return {
    room: template.length,
    put({ tx, op, lsn }: Imaged, out: Buffer, at: number): number {
      if (tx !== last || op !== lastOp || used++ >= SAME_TIME || digitsOf(lsn) !== digits) make(tx, op, lsn)
      out.set(tail, at)
      putNumber(lsn, out, at + first)
      putNumber(lsn, out, at + second)
      return at + tail.length
    },
  }
}
