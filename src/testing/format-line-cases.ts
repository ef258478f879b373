import assert from 'node:assert/strict'
import type { Format, Message } from '../contracts/format.ts'
import { messageLines } from '../messages/message-lines.ts'
import { batchOf, everyKindRows, insertOf, transactionOf } from './fixtures.ts'
import type { FormatCase, FormatSubject } from './format-conformance.ts'
import { AT, everyKind, sampleBatches, sampleChanges } from './format-samples.ts'
import { withImages } from './imaged-changes.ts'

/** Lines, for sinks that write text. */
export function lineCases({ withoutPlace }: FormatSubject): FormatCase[] {
  const cases: FormatCase[] = [
    { title: 'writes each line as one line of JSON', run: ({ create }) => linesAreJson(create()) },
    { title: 'writes as lines what it gives as messages', run: ({ create }) => linesAreMessages(create) },
    { title: 'writes as bytes what it gives as lines, or says that it has no room', run: ({ create }) => bytesAreLines(create) },
  ]
  if (withoutPlace)
    cases.push({ title: 'shows a row read as it shows the row inserted', run: ({ create }) => readsLikeInserts(create(), withoutPlace) })
  return cases
}

export function linesOf(format: Format): string[] {
  return [
    ...sampleChanges().map((change) => format.changeLine(change)),
    ...everyKindRows().map((row) => format.readLine(everyKind, row, AT)),
  ]
}

function linesAreJson(format: Format): void {
  const beside = sampleBatches().flatMap((batch) => {
    if (batch.kind === 'control') return linesFor(format, format.control?.(batch))
    return batch.kind === 'changes' ? linesFor(format, format.after?.(batch)) : []
  })
  for (const text of [...linesOf(format), ...beside].filter((line) => line !== '')) {
    assert.ok(text.endsWith('\n'), 'ends in a line break')
    for (const line of text.slice(0, -1).split('\n')) {
      assert.ok(!line.includes('\r'), 'holds no other line break')
      assert.doesNotThrow(() => JSON.parse(line), line)
    }
  }
}

function linesFor(format: Format, messages: readonly Message[] = []): string {
  return (format.lines ?? messageLines)(messages)
}

/** Either each value is a line, or each message with its key, topic and headers. */
function linesAreMessages(create: () => Format): void {
  const [one, other] = [create(), create()]
  const faults = new Set<string>()
  const compare = (text: string, messages: readonly Message[], what: string): void => {
    if (text !== messages.map(({ value }) => `${value}\n`).join('')) faults.add('values')
    if (text !== messageLines(messages)) faults.add('messages')
    assert.ok(faults.size < 2, `the line of ${what} is neither the value of its message nor the message: ${text}`)
  }
  for (const change of sampleChanges()) compare(one.changeLine(change), other.change(change), change.op)
  for (const row of everyKindRows()) compare(one.readLine(everyKind, row, AT), other.read(everyKind, row, AT), 'a row read')
}

function bytesAreLines(create: () => Format): void {
  const [format, plain] = [create(), create()]
  const changes = sampleChanges()
  const batch = withImages({ ...batchOf(1), changes })
  const imaged = batch.kind === 'changes' ? batch.changes : []
  const out = Buffer.alloc(1 << 16, 0xff)
  for (const [nth, change] of imaged.entries()) {
    const line = plain.changeLine(changes[nth]!) // as many
    assert.equal(format.changeLine(change), line, 'a row kept as bytes has the same line')
    const end = format.writeLine?.(change, out, 5) ?? -1
    if (end < 0) continue
    assert.equal(out.toString('utf8', 5, end), line)
    assert.ok(out[4] === 0xff && out[end] === 0xff, 'nothing before or behind the line is touched')
    out.fill(0xff)
    assert.equal(format.writeLine?.(change, out.subarray(0, end - 1), 5), -1, 'one byte too few is no room')
  }
}

function readsLikeInserts(format: Format, withoutPlace: (line: unknown) => unknown): void {
  for (const row of everyKindRows()) {
    const inserted = parsed(format.changeLine(transactionOf(1, [insertOf(everyKind, row)])[0]!)) // one act gives one change
    assert.deepEqual(parsed(format.readLine(everyKind, row, AT)).map(withoutPlace), inserted.map(withoutPlace))
  }
}

function parsed(text: string): unknown[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)
}
